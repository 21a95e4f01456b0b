import { useState } from 'preact/hooks'
import { go } from '../../router'
import { iam, iamAll, iamRecords, record, text, type Rec } from '../../s3/iam'
import { Button, confirmAction, format, Load, openDialog, Select, toast, useLoad } from '../../ui'
import { accessHref, askName, FormDialog, NameTable, Section } from './parts'
import { AttachedPolicies, InlinePolicies } from './policies-of'

export function Groups() {
  const groups = useLoad((signal) => iamRecords('ListGroups', 'Groups', {}, signal), [])
  const create = () =>
    askName('Create a group', 'Group name', 'Create', async (name) => {
      await iam('CreateGroup', { GroupName: name })
      go('access', { tab: 'groups', name })
    })
  return (
    <Load of={groups} asked={{ action: 'iam:ListGroups' }}>
      {(list) => (
        <NameTable
          label="Groups"
          rows={list}
          nameOf={(group) => text(group.GroupName)}
          linkOf={(group) => accessHref('groups', text(group.GroupName))}
          empty={{ icon: 'users', title: 'No groups yet' }}
          columns={[
            { label: 'Id', cell: (group) => <span class="mono dense">{text(group.GroupId)}</span> },
            { label: 'Created', cell: (group) => <span class="nowrap">{format.time(text(group.CreateDate))}</span> },
          ]}
        >
          <Button kind="primary" icon="plus" onClick={create}>
            Create group
          </Button>
        </NameTable>
      )}
    </Load>
  )
}

async function removeGroup(name: string, users: Rec[]): Promise<void> {
  const group = { GroupName: name }
  for (const user of users) await iam('RemoveUserFromGroup', { ...group, UserName: text(user.UserName) })
  for (const policy of await iamRecords('ListAttachedGroupPolicies', 'AttachedPolicies', group)) await iam('DetachGroupPolicy', { ...group, PolicyArn: text(policy.PolicyArn) })
  for (const policy of await iamAll('ListGroupPolicies', 'PolicyNames', group)) await iam('DeleteGroupPolicy', { ...group, PolicyName: text(policy) })
  await iam('DeleteGroup', group)
}

function PickUser({ group, has, onClose, onDone }: { group: string; has: string[]; onClose: () => void; onDone: () => void }) {
  const users = useLoad((signal) => iamRecords('ListUsers', 'Users', {}, signal), [])
  const [user, setUser] = useState('')
  return (
    <FormDialog
      title="Add a member"
      action="Add"
      ready={user !== ''}
      onClose={onClose}
      run={async () => {
        await iam('AddUserToGroup', { UserName: user, GroupName: group })
        onDone()
      }}
    >
      <Load of={users} asked={{ action: 'iam:ListUsers' }}>
        {(list) => (
          <Select
            label="User"
            value={user}
            onChange={setUser}
            options={[
              { value: '', label: 'Choose…' },
              ...list.map((one) => text(one.UserName)).filter((name) => !has.includes(name)).map((name) => ({ value: name, label: format.visible(name) })),
            ]}
          />
        )}
      </Load>
    </FormDialog>
  )
}

export function Group({ name }: { name: string }) {
  const group = useLoad(
    async (signal) => {
      const users = await iamRecords('GetGroup', 'Users', { GroupName: name }, signal)
      return { ...record((await iam('GetGroup', { GroupName: name, MaxItems: '1' }, signal)).Group), users }
    },
    [name],
  )
  const leave = (user: string) =>
    confirmAction({
      title: 'Remove the member?',
      children: `${format.visible(user)} loses what the policies of ${format.visible(name)} allow.`,
      action: 'Remove',
      run: async () => {
        await iam('RemoveUserFromGroup', { UserName: user, GroupName: name })
        group.reload()
      },
    })
  const remove = (users: Rec[]) =>
    confirmAction({
      title: 'Delete the group?',
      children: `Its inline policies are gone; its ${format.plural(users.length, 'member')} stay as users, without what the group allowed.`,
      action: 'Delete',
      typed: name,
      run: async () => {
        await removeGroup(name, users)
        go('access', { tab: 'groups' })
        toast(`${format.visible(name)} is deleted`)
      },
    })
  return (
    <Load of={group} asked={{ action: 'iam:GetGroup' }}>
      {(shown) => (
        <div class="detail">
          <Section title="Group" action={<Button small kind="plain" icon="trash" onClick={() => remove(shown.users)}>Delete</Button>}>
            <dl class="facts">
              <dt>ARN</dt>
              <dd class="mono">{format.visible(text((shown as Rec).Arn))}</dd>
              <dt>Created</dt>
              <dd>{format.time(text((shown as Rec).CreateDate))}</dd>
            </dl>
          </Section>
          <Section
            title="Members"
            action={<Button small icon="plus" onClick={() => openDialog((close) => <PickUser group={name} has={shown.users.map((user) => text(user.UserName))} onClose={close} onDone={group.reload} />)}>Add</Button>}
          >
            {shown.users.length === 0 ? (
              <p class="muted">None</p>
            ) : (
              <table class="table" aria-label="Members">
                <tbody>
                  {shown.users.map((user) => (
                    <tr key={text(user.UserName)}>
                      <td class="wrap">
                        <a href={accessHref('users', text(user.UserName))}>{format.visible(text(user.UserName))}</a>
                      </td>
                      <td class="actions">
                        <Button small kind="plain" icon="close" label={`Remove ${format.visible(text(user.UserName))}`} onClick={() => leave(text(user.UserName))} />
                      </td>
                    </tr>
                  ))}
                </tbody>
              </table>
            )}
          </Section>
          <AttachedPolicies kind="Group" name={name} />
          <InlinePolicies kind="Group" name={name} />
        </div>
      )}
    </Load>
  )
}
