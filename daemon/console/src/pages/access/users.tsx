import { iam, iamRecords, record, records, text } from '../../s3/iam'
import { Button, format, Load, useLoad } from '../../ui'
import { askToDelete, Belonging, Entities, EntitySection, goToEntity } from './entities'
import { AccessKeys } from './keys'
import { askName } from './parts'
import { AttachedPolicies, InlinePolicies } from './policies-of'
import { Tags } from './tags'

const NAME_HINT = 'Letters, digits and + = , . @ - _, at most 64'

export function Users() {
  const create = () =>
    askName(
      'Create a user',
      'User name',
      'Create',
      async (name) => {
        await iam('CreateUser', { UserName: name })
        goToEntity('User', name)
      },
      NAME_HINT,
    )
  return (
    <Entities
      kind="User"
      onCreate={create}
      columns={[
        { label: 'Id', cell: (user) => <span class="mono dense">{text(user.UserId)}</span> },
        { label: 'Path', cell: (user) => format.visible(text(user.Path)) },
      ]}
    />
  )
}

async function takeKeysAndGroups(name: string): Promise<void> {
  const user = { UserName: name }
  for (const key of await iamRecords('ListAccessKeys', 'AccessKeyMetadata', user)) await iam('DeleteAccessKey', { ...user, AccessKeyId: text(key.AccessKeyId) })
  for (const group of await iamRecords('ListGroupsForUser', 'Groups', user)) await iam('RemoveUserFromGroup', { ...user, GroupName: text(group.GroupName) })
}

export function User({ name }: { name: string }) {
  const user = useLoad(async (signal) => record((await iam('GetUser', { UserName: name }, signal)).User), [name])
  const remove = () => askToDelete('User', name, 'Its access keys stop working, and its inline policies are gone. What it has stored stays.', () => takeKeysAndGroups(name))
  const rename = () =>
    askName(
      'Rename the user',
      'New name',
      'Rename',
      async (next) => {
        await iam('UpdateUser', { UserName: name, NewUserName: next })
        goToEntity('User', next)
      },
      'Keys, policies and groups stay; policies that name the user follow it',
    )
  return (
    <Load of={user} asked={{ action: 'iam:GetUser' }}>
      {(shown) => (
        <div class="detail">
          <EntitySection
            kind="User"
            entity={shown}
            onDelete={remove}
            onChange={user.reload}
            actions={
              <Button small kind="plain" icon="edit" onClick={rename}>
                Rename
              </Button>
            }
          />
          <AccessKeys user={name} />
          <Memberships user={name} />
          <AttachedPolicies kind="User" name={name} />
          <InlinePolicies kind="User" name={name} />
          <Tags kind="User" name={name} tags={records(shown.Tags)} onChange={user.reload} />
        </div>
      )}
    </Load>
  )
}

function Memberships({ user }: { user: string }) {
  const groups = useLoad((signal) => iamRecords('ListGroupsForUser', 'Groups', { UserName: user }, signal), [user])
  return (
    <Belonging
      title="Groups"
      kind="Group"
      of={groups}
      asked={{ action: 'iam:ListGroupsForUser' }}
      words={{
        add: 'Add to a group',
        remove: 'Remove from the group?',
        label: (group) => `Remove from ${group}`,
        loses: (group) => `${format.visible(user)} loses what the policies of ${format.visible(group)} allow.`,
      }}
      onChange={async (change, group) => {
        await iam(change, { UserName: user, GroupName: group })
        groups.reload()
      }}
    />
  )
}
