import { go } from '../../router'
import { iam, iamAll, iamRecords, record, records, text, type Rec } from '../../s3/iam'
import { Button, confirmAction, format, Load, openDialog, Select, toast, useLoad } from '../../ui'
import { useState } from 'preact/hooks'
import { AccessKeys } from './keys'
import { accessHref, askName, FormDialog, NameTable, Section } from './parts'
import { AttachedPolicies, Boundary, InlinePolicies } from './policies-of'
import { Tags } from './tags'

const NAME_HINT = 'Letters, digits and + = , . @ - _, at most 64'

export function Users() {
  const users = useLoad((signal) => iamRecords('ListUsers', 'Users', {}, signal), [])
  const create = () =>
    askName(
      'Create a user',
      'User name',
      'Create',
      async (name) => {
        await iam('CreateUser', { UserName: name })
        go('access', { tab: 'users', name })
      },
      NAME_HINT,
    )
  return (
    <Load of={users} asked={{ action: 'iam:ListUsers' }}>
      {(list) => (
        <NameTable
          label="Users"
          rows={list}
          nameOf={(user) => text(user.UserName)}
          linkOf={(user) => accessHref('users', text(user.UserName))}
          empty={{ icon: 'user', title: 'No users yet' }}
          columns={[
            { label: 'Id', cell: (user) => <span class="mono dense">{text(user.UserId)}</span> },
            { label: 'Path', cell: (user) => format.visible(text(user.Path)) },
            { label: 'Created', cell: (user) => <span class="nowrap">{format.time(text(user.CreateDate))}</span> },
          ]}
        >
          <Button kind="primary" icon="plus" onClick={create}>
            Create user
          </Button>
        </NameTable>
      )}
    </Load>
  )
}

/** IAM deletes a user only when nothing hangs on it; what does is taken off first. */
async function removeUser(name: string): Promise<void> {
  const user = { UserName: name }
  for (const key of await iamRecords('ListAccessKeys', 'AccessKeyMetadata', user)) await iam('DeleteAccessKey', { ...user, AccessKeyId: text(key.AccessKeyId) })
  for (const group of await iamRecords('ListGroupsForUser', 'Groups', user)) await iam('RemoveUserFromGroup', { ...user, GroupName: text(group.GroupName) })
  for (const policy of await iamRecords('ListAttachedUserPolicies', 'AttachedPolicies', user)) await iam('DetachUserPolicy', { ...user, PolicyArn: text(policy.PolicyArn) })
  for (const policy of await iamAll('ListUserPolicies', 'PolicyNames', user)) await iam('DeleteUserPolicy', { ...user, PolicyName: text(policy) })
  await iam('DeleteUser', user)
}

export function User({ name }: { name: string }) {
  const user = useLoad(async (signal) => record((await iam('GetUser', { UserName: name }, signal)).User), [name])
  const remove = () =>
    confirmAction({
      title: 'Delete the user?',
      children: 'Its access keys stop working, and its inline policies are gone. What it has stored stays.',
      action: 'Delete',
      typed: name,
      run: async () => {
        await removeUser(name)
        go('access', { tab: 'users' })
        toast(`${format.visible(name)} is deleted`)
      },
    })
  const rename = () =>
    askName(
      'Rename the user',
      'New name',
      'Rename',
      async (next) => {
        await iam('UpdateUser', { UserName: name, NewUserName: next })
        go('access', { tab: 'users', name: next })
      },
      'Keys, policies and groups stay; policies that name the user follow it',
    )
  return (
    <Load of={user} asked={{ action: 'iam:GetUser' }}>
      {(shown) => (
        <div class="detail">
          <Section
            title="User"
            action={
              <>
                <Button small kind="plain" icon="edit" onClick={rename}>
                  Rename
                </Button>
                <Button small kind="plain" icon="trash" onClick={remove}>
                  Delete
                </Button>
              </>
            }
          >
            <dl class="facts">
              <dt>ARN</dt>
              <dd class="mono">{format.visible(text(shown.Arn))}</dd>
              <dt>Id</dt>
              <dd class="mono">{text(shown.UserId)}</dd>
              <dt>Created</dt>
              <dd>{format.time(text(shown.CreateDate))}</dd>
              <dt>Boundary</dt>
              <dd>
                <Boundary kind="User" name={name} arn={text(record(shown.PermissionsBoundary).PermissionsBoundaryArn)} onChange={user.reload} />
              </dd>
            </dl>
          </Section>
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

function PickGroup({ user, has, onClose, onDone }: { user: string; has: string[]; onClose: () => void; onDone: () => void }) {
  const groups = useLoad((signal) => iamRecords('ListGroups', 'Groups', {}, signal), [])
  const [group, setGroup] = useState('')
  return (
    <FormDialog
      title="Add to a group"
      action="Add"
      ready={group !== ''}
      onClose={onClose}
      run={async () => {
        await iam('AddUserToGroup', { UserName: user, GroupName: group })
        onDone()
      }}
    >
      <Load of={groups} asked={{ action: 'iam:ListGroups' }}>
        {(list) => (
          <Select
            label="Group"
            value={group}
            onChange={setGroup}
            options={[
              { value: '', label: 'Choose…' },
              ...list.map((one) => text(one.GroupName)).filter((name) => !has.includes(name)).map((name) => ({ value: name, label: format.visible(name) })),
            ]}
          />
        )}
      </Load>
    </FormDialog>
  )
}

function Memberships({ user }: { user: string }) {
  const groups = useLoad((signal) => iamRecords('ListGroupsForUser', 'Groups', { UserName: user }, signal), [user])
  const leave = (group: Rec) =>
    confirmAction({
      title: 'Remove from the group?',
      children: `${format.visible(user)} loses what the policies of ${format.visible(text(group.GroupName))} allow.`,
      action: 'Remove',
      run: async () => {
        await iam('RemoveUserFromGroup', { UserName: user, GroupName: text(group.GroupName) })
        groups.reload()
      },
    })
  const has = (groups.value ?? []).map((group) => text(group.GroupName))
  return (
    <Section title="Groups" action={<Button small icon="plus" onClick={() => openDialog((close) => <PickGroup user={user} has={has} onClose={close} onDone={groups.reload} />)}>Add</Button>}>
      <Load of={groups} asked={{ action: 'iam:ListGroupsForUser' }}>
        {(list) =>
          list.length === 0 ? (
            <p class="muted">None</p>
          ) : (
            <table class="table" aria-label="Groups">
              <tbody>
                {list.map((group) => (
                  <tr key={text(group.GroupName)}>
                    <td class="wrap">
                      <a href={accessHref('groups', text(group.GroupName))}>{format.visible(text(group.GroupName))}</a>
                    </td>
                    <td class="actions">
                      <Button small kind="plain" icon="close" label={`Remove from ${format.visible(text(group.GroupName))}`} onClick={() => leave(group)} />
                    </td>
                  </tr>
                ))}
              </tbody>
            </table>
          )
        }
      </Load>
    </Section>
  )
}
