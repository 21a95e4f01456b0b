/* Settings of one bucket. */
import type { PageProps } from '../../pages'
import { go, href } from '../../router'
import { Empty, Icon, Tabs } from '../../ui'
import '../access/access.css'
import './bucket.css'
import { Cors } from './cors'
import { Policy } from './policy'
import { PublicAccess } from './public'
import { Duplicates, Zones } from './zones'

const tabs = [
  { id: 'policy', label: 'Policy' },
  { id: 'public', label: 'Public access' },
  { id: 'zones', label: 'Zones' },
  { id: 'duplicates', label: 'Duplicates' },
  { id: 'cors', label: 'CORS' },
] as const

type Tab = (typeof tabs)[number]['id']

export default function Bucket({ params }: PageProps) {
  const { bucket } = params
  const tab: Tab = tabs.find((candidate) => candidate.id === params.tab)?.id ?? 'policy'
  if (!bucket) return <Empty icon="bucket" title="No bucket is named" />
  return (
    <>
      <div class="page-head">
        <h1 class="crumbs">
          <a href={href('buckets')} class="muted">
            Buckets
          </a>
          <Icon name="chevron" />
          <a href={href('browse', { bucket })}>{bucket}</a>
          <Icon name="chevron" />
          Settings
        </h1>
      </div>
      <Tabs label="Settings" tabs={[...tabs]} value={tab} onChange={(id) => go('bucket', { bucket, tab: id })} />
      {tab === 'policy' && <Policy key={bucket} bucket={bucket} />}
      {tab === 'public' && <PublicAccess key={bucket} bucket={bucket} />}
      {tab === 'zones' && <Zones key={bucket} bucket={bucket} />}
      {tab === 'duplicates' && <Duplicates key={bucket} bucket={bucket} zone={params.zone} />}
      {tab === 'cors' && <Cors key={bucket} bucket={bucket} />}
    </>
  )
}
