import { trustTemplates } from '../../editor/templates'
import { documentOf, iam, record, records, text, type Rec } from '../../s3/iam'
import { session } from '../../s3/session'
import { useState } from 'preact/hooks'
import { Button, Field, format, Load, openDialog, Select, toast, useLoad } from '../../ui'
import { JsonEditor, pretty } from '../../editor'
import { editPolicy } from './document'
import { askToDelete, Entities, EntitySection, goToEntity } from './entities'
import { FormDialog, Section } from './parts'
import { AttachedPolicies, InlinePolicies } from './policies-of'
import { Tags } from './tags'

const account = () => session.value?.account ?? ''

export function Roles() {
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
        goToEntity('Role', name)
      },
    })
  return (
    <Entities
      kind="Role"
      onCreate={create}
      columns={[
        { label: 'Description', cell: (role) => format.visible(text(role.Description)) },
        { label: 'Longest session', cell: (role) => format.duration(Number(text(role.MaxSessionDuration))) },
      ]}
    />
  )
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
  return (
    <Load of={role} asked={{ action: 'iam:GetRole' }}>
      {(shown) => (
        <div class="detail">
          <EntitySection
            kind="Role"
            entity={shown}
            onDelete={() => askToDelete('Role', name, 'All its sessions end at once, and its inline policies are gone.')}
            onChange={role.reload}
            actions={
              <Button small kind="plain" icon="edit" onClick={() => openDialog((close) => <EditRole role={shown} onClose={close} onDone={role.reload} />)}>
                Change
              </Button>
            }
          >
            <dt>Description</dt>
            <dd>{format.visible(text(shown.Description)) || <span class="muted">none</span>}</dd>
            <dt>Longest session</dt>
            <dd>{format.duration(Number(text(shown.MaxSessionDuration)))}</dd>
          </EntitySection>
          <Trust role={shown} onChange={role.reload} />
          <AttachedPolicies kind="Role" name={name} />
          <InlinePolicies kind="Role" name={name} />
          <Tags kind="Role" name={name} tags={records(shown.Tags)} onChange={role.reload} />
        </div>
      )}
    </Load>
  )
}
