/* Users, groups, roles, policies, and who can do what. */
import type { PageProps } from '../../pages'
import { go } from '../../router'
import { format, Tabs } from '../../ui'
import './access.css'
import { Group, Groups } from './groups'
import { Policies, Policy } from './managed'
import { accessHref, type Tab } from './parts'
import { Role, Roles } from './roles'
import { Simulate } from './simulate'
import { LockButton, Unlocked } from './unlock'
import { User, Users } from './users'

const tabs: { id: Tab; label: string; one: string }[] = [
  { id: 'users', label: 'Users', one: 'User' },
  { id: 'groups', label: 'Groups', one: 'Group' },
  { id: 'roles', label: 'Roles', one: 'Role' },
  { id: 'policies', label: 'Policies', one: 'Policy' },
  { id: 'simulate', label: 'Who can do this?', one: '' },
]

function Body({ tab, params }: { tab: Tab; params: Record<string, string> }) {
  const name = params.name
  if (tab === 'simulate') return <Simulate params={params} />
  if (tab === 'users') return name ? <User key={name} name={name} /> : <Users />
  if (tab === 'groups') return name ? <Group key={name} name={name} /> : <Groups />
  if (tab === 'roles') return name ? <Role key={name} name={name} /> : <Roles />
  return name ? <Policy key={name} arn={name} /> : <Policies />
}

export default function Access({ params }: PageProps) {
  const tab = tabs.find((candidate) => candidate.id === params.tab) ?? tabs[0]
  if (!tab) return null
  const shownName = tab.id === 'policies' ? params.name?.replace(/^.*:policy\//, '') : params.name
  return (
    <>
      <div class="page-head">
        {params.name && tab.one ? (
          <div class="crumbs">
            <a href={accessHref(tab.id)}>{tab.label}</a>
            <span class="muted">/</span>
            <h1>{format.visible(shownName ?? '')}</h1>
          </div>
        ) : (
          <h1>Users and policies</h1>
        )}
        <LockButton />
      </div>
      <Tabs label="Administration" tabs={tabs} value={tab.id} onChange={(id) => go('access', { tab: id })} />
      <Unlocked>
        <Body tab={tab.id} params={params} />
      </Unlocked>
    </>
  )
}
