/* Bulk copy: jobs, the form of a new one, and linked buckets. */
import type { PageProps } from '../../pages'
import { go, href } from '../../router'
import { LinkButton, Tabs } from '../../ui'
import '../access/access.css'
import './copies.css'
import { JobPage } from './job'
import { Links } from './links'
import { Jobs } from './list'
import { NewJob } from './new'

export default function Copies({ params }: PageProps) {
  if (params.id) return <JobPage key={params.id} id={params.id} />
  if (params.new)
    return (
      <>
        <div class="page-head">
          <div class="crumbs">
            <a href={href('copies')}>Bulk copy</a>
            <span class="muted">/</span>
            <h1>New copy</h1>
          </div>
        </div>
        <NewJob key={params.again} params={params} />
      </>
    )
  const tab = params.tab === 'links' ? 'links' : 'jobs'
  return (
    <>
      <div class="page-head">
        <h1>Bulk copy</h1>
        <LinkButton kind="primary" icon="plus" href={href('copies', { new: '1' })}>
          New copy
        </LinkButton>
      </div>
      <Tabs
        label="Bulk copy"
        tabs={[
          { id: 'jobs', label: 'Jobs' },
          { id: 'links', label: 'Linked buckets' },
        ]}
        value={tab}
        onChange={(id) => go('copies', { tab: id })}
      />
      {tab === 'links' ? <Links /> : <Jobs />}
    </>
  )
}
