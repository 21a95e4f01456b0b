import { trustTemplates } from '../../editor/templates'
import { go } from '../../router'
import { documentOf, iam, iamAll, iamRecords, record, records, text, type Rec } from '../../s3/iam'
import { session } from '../../s3/session'
import { useState } from 'preact/hooks'
import { Button, confirmAction, Field, format, Load, openDialog, Select, toast, useLoad } from '../../ui'
import { JsonEditor, pretty } from '../../editor'
import { editPolicy } from './document'
import { accessHref, FormDialog, NameTable, Section } from './parts'
import { AttachedPolicies, Boundary, InlinePolicies } from './policies-of'
import { Tags } from './tags'

const account = () => session.value?.account ?? ''

export function Roles() {
  const roles = useLoad((signal) => iamRecords('ListRoles', 'Roles', {}, signal), [])
  const create = () =>
    editPolicy({
      title: 'Create a role: who may assume it',
      text: JSON.stringify(trustTemplates[0]?.make(account())),
      named: true,
      templates: trustTemplates,
      subject: account(),
      action: 'Create',
      save: async (trust, name) => {
        await iam('CreateRole', { RoleName: name, AssumeRolePolicyDocument: trust })
        go('access', { tab: 'roles', name })
      },
    })
  return (
    <Load of={roles} asked={{ action: 'iam:ListRoles' }}>
      {(list) => (
        <NameTable
          label="Roles"
          rows={list}
          nameOf={(role) => text(role.RoleName)}
          linkOf={(role) => accessHref('roles', text(role.RoleName))}
          empty={{ icon: 'policy', title: 'No roles yet' }}
          columns={[
            { label: 'Description', cell: (role) => format.visible(text(role.Description)) },
            { label: 'Longest session', cell: (role) => format.duration(Number(text(role.MaxSessionDuration))) },
            { label: 'Created', cell: (role) => <span class="nowrap">{format.time(text(role.CreateDate))}</span> },
          ]}
        >
          <Button kind="primary" icon="plus" onClick={create}>
            Create role
          </Button>
        </NameTable>
      )}
    </Load>
  )
}

async function removeRole(name: string): Promise<void> {
  const role = { RoleName: name }
  for (const policy of await iamRecords('ListAttachedRolePolicies', 'AttachedPolicies', role)) await iam('DetachRolePolicy', { ...role, PolicyArn: text(policy.PolicyArn) })
  for (const policy of await iamAll('ListRolePolicies', 'PolicyNames', role)) await iam('DeleteRolePolicy', { ...role, PolicyName: text(policy) })
  await iam('DeleteRole', role)
}

function Trust({ role, onChange }: { role: Rec; onChange: () => void }) {
  const name = text(role.RoleName)
  const trust = documentOf(role.AssumeRolePolicyDocument)
  const edit = () =>
    editPolicy({
      title: 'Who may assume the role',
      text: trust,
      templates: trustTemplates,
      subject: account(),
      save: async (document) => {
        await iam('UpdateAssumeRolePolicy', { RoleName: name, PolicyDocument: document })
        onChange()
        toast('The trust policy is saved. Sessions that run go on.')
      },
    })
  return (
    <Section title="Trust policy" action={<Button small icon="edit" onClick={edit}>Edit</Button>}>
      <JsonEditor key={trust} label="Trust policy" value={pretty(trust)} />
    </Section>
  )
}

/** Sessions last 1 to 12 hours. */
function EditRole({ role, onClose, onDone }: { role: Rec; onClose: () => void; onDone: () => void }) {
  const [description, setDescription] = useState(text(role.Description))
  const [hours, setHours] = useState(String(Number(text(role.MaxSessionDuration)) / 3600))
  return (
    <FormDialog
      title="Edit the role"
      action="Save"
      onClose={onClose}
      run={async () => {
        await iam('UpdateRole', { RoleName: text(role.RoleName), Description: description, MaxSessionDuration: String(Number(hours) * 3600) })
        onDone()
      }}
    >
      <Field label="Description" value={description} onInput={setDescription} autofocus />
      <Select label="Longest session" value={hours} onChange={setHours} options={Array.from({ length: 12 }, (_, index) => ({ value: String(index + 1), label: format.plural(index + 1, 'hour') }))} />
    </FormDialog>
  )
}

export function Role({ name }: { name: string }) {
  const role = useLoad(async (signal) => record((await iam('GetRole', { RoleName: name }, signal)).Role), [name])
  const remove = () =>
    confirmAction({
      title: 'Delete the role?',
      children: 'All its sessions end at once, and its inline policies are gone.',
      action: 'Delete',
      typed: name,
      run: async () => {
        await removeRole(name)
        go('access', { tab: 'roles' })
        toast(`${format.visible(name)} is deleted`)
      },
    })
  return (
    <Load of={role} asked={{ action: 'iam:GetRole' }}>
      {(shown) => (
        <div class="detail">
          <Section
            title="Role"
            action={
              <>
                <Button small kind="plain" icon="edit" onClick={() => openDialog((close) => <EditRole role={shown} onClose={close} onDone={role.reload} />)}>
                  Change
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
              <dd class="mono">{text(shown.RoleId)}</dd>
              <dt>Description</dt>
              <dd>{format.visible(text(shown.Description)) || <span class="muted">none</span>}</dd>
              <dt>Longest session</dt>
              <dd>{format.duration(Number(text(shown.MaxSessionDuration)))}</dd>
              <dt>Created</dt>
              <dd>{format.time(text(shown.CreateDate))}</dd>
              <dt>Boundary</dt>
              <dd>
                <Boundary kind="Role" name={name} arn={text(record(shown.PermissionsBoundary).PermissionsBoundaryArn)} onChange={role.reload} />
              </dd>
            </dl>
          </Section>
          <Trust role={shown} onChange={role.reload} />
          <AttachedPolicies kind="Role" name={name} />
          <InlinePolicies kind="Role" name={name} />
          <Tags kind="Role" name={name} tags={records(shown.Tags)} onChange={role.reload} />
        </div>
      )}
    </Load>
  )
}
