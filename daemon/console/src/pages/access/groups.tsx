import { iam, iamRecords, record, text, type Rec } from '../../s3/iam'
import { format, Load, useLoad } from '../../ui'
import { askToDelete, Belonging, Entities, EntitySection, goToEntity } from './entities'
import { askName } from './parts'
import { AttachedPolicies, InlinePolicies } from './policies-of'

export function Groups() {
  const create = () =>
    askName('Create a group', 'Group name', 'Create', async (name) => {
      await iam('CreateGroup', { GroupName: name })
      goToEntity('Group', name)
    })
  return <Entities kind="Group" onCreate={create} columns={[{ label: 'Id', cell: (group) => <span class="mono dense">{text(group.GroupId)}</span> }]} />
}

export function Group({ name }: { name: string }) {
  const group = useLoad(
    async (signal) => {
      const users = await iamRecords('GetGroup', 'Users', { GroupName: name }, signal)
      return { entity: record((await iam('GetGroup', { GroupName: name, MaxItems: '1' }, signal)).Group), users }
    },
    [name],
  )
  const change = async (action: string, user: string) => {
    await iam(action, { UserName: user, GroupName: name })
    group.reload()
  }
  const remove = (users: Rec[]) =>
    askToDelete('Group', name, `Its inline policies are gone; its ${format.plural(users.length, 'member')} stay as users, without what the group allowed.`, async () => {
      for (const user of users) await iam('RemoveUserFromGroup', { UserName: text(user.UserName), GroupName: name })
    })
  return (
    <Load of={group} asked={{ action: 'iam:GetGroup' }}>
      {({ entity, users }) => (
        <div class="detail">
          <EntitySection kind="Group" entity={entity} onDelete={() => remove(users)} onChange={group.reload} />
          <Belonging
            title="Members"
            kind="User"
            of={{ ...group, value: users }}
            asked={{ action: 'iam:GetGroup' }}
            words={{
              add: 'Add a member',
              remove: 'Remove the member?',
              label: (user) => `Remove ${user}`,
              loses: (user) => `${format.visible(user)} loses what the policies of ${format.visible(name)} allow.`,
            }}
            onChange={change}
          />
          <AttachedPolicies kind="Group" name={name} />
          <InlinePolicies kind="Group" name={name} />
        </div>
      )}
    </Load>
  )
}
