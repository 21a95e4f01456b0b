/* The policies that a user, group or role has: attached, inline, and the boundary. */
import { identityTemplates } from '../../editor/templates'
import { documentOf, iam, iamAll, iamRecords, text, type Rec } from '../../s3/iam'
import { Button, confirmAction, format, Load, Menu, openDialog, Select, toast, useLoad } from '../../ui'
import { useState } from 'preact/hooks'
import { editPolicy } from './document'
import { accessHref, checkIdentityPolicy, FormDialog, reported, Section } from './parts'

export type Kind = 'User' | 'Group' | 'Role'

const who = (kind: Kind, name: string): Record<string, string> => ({ [`${kind}Name`]: name })

/** All managed policies, to choose from. */
function PickPolicy({ title, action, run, onClose }: { title: string; action: string; run: (arn: string) => Promise<void>; onClose: () => void }) {
  const policies = useLoad((signal) => iamRecords('ListPolicies', 'Policies', { Scope: 'All' }, signal), [])
  const [arn, setArn] = useState('')
  return (
    <FormDialog title={title} action={action} ready={arn !== ''} run={() => run(arn)} onClose={onClose}>
      <Load of={policies} asked={{ action: 'iam:ListPolicies' }}>
        {(list) => (
          <Select
            label="Managed policy"
            value={arn}
            onChange={setArn}
            options={[
              { value: '', label: 'Choose…' },
              ...list.map((policy) => ({ value: text(policy.Arn), label: `${format.visible(text(policy.PolicyName))}${text(policy.Arn).includes(':aws:policy/') ? ' (built in)' : ''}` })).sort((a, b) => a.label.localeCompare(b.label)),
            ]}
          />
        )}
      </Load>
    </FormDialog>
  )
}

export function AttachedPolicies({ kind, name }: { kind: Kind; name: string }) {
  const policies = useLoad((signal) => iamRecords(`ListAttached${kind}Policies`, 'AttachedPolicies', who(kind, name), signal), [kind, name])
  const attach = () =>
    openDialog((close) => (
      <PickPolicy
        title="Attach a managed policy"
        action="Attach"
        onClose={close}
        run={async (arn) => {
          await iam(`Attach${kind}Policy`, { ...who(kind, name), PolicyArn: arn })
          policies.reload()
          toast('Attached')
        }}
      />
    ))
  const detach = (policy: Rec) =>
    confirmAction({
      title: 'Detach the policy?',
      children: `${format.visible(text(policy.PolicyName))} will no longer act on ${format.visible(name)}. The policy itself stays.`,
      action: 'Detach',
      run: async () => {
        await iam(`Detach${kind}Policy`, { ...who(kind, name), PolicyArn: text(policy.PolicyArn) })
        policies.reload()
      },
    })
  return (
    <Section title="Attached policies" action={<Button small icon="plus" onClick={attach}>Attach</Button>}>
      <Load of={policies} asked={{ action: `iam:ListAttached${kind}Policies` }}>
        {(list) => <Rows label="Attached policies" rows={list} nameOf={(policy) => text(policy.PolicyName)} linkOf={(policy) => accessHref('policies', text(policy.PolicyArn))} remove="Detach" onRemove={detach} />}
      </Load>
    </Section>
  )
}

function Rows({ label, rows, nameOf, linkOf, onOpen, remove, onRemove }: {
  label: string
  rows: Rec[]
  nameOf: (row: Rec) => string
  linkOf?: (row: Rec) => string
  onOpen?: (row: Rec) => void
  remove: string
  onRemove: (row: Rec) => void
}) {
  if (rows.length === 0) return <p class="muted">None</p>
  return (
    <table class="table" aria-label={label}>
      <tbody>
        {rows.map((row) => (
          <tr key={nameOf(row)}>
            <td class="wrap">
              {linkOf ? (
                <a href={linkOf(row)}>{format.visible(nameOf(row))}</a>
              ) : (
                <Button kind="link" onClick={() => onOpen?.(row)}>
                  {format.visible(nameOf(row))}
                </Button>
              )}
            </td>
            <td class="actions">
              <Button small kind="plain" icon="close" label={`${remove} ${format.visible(nameOf(row))}`} onClick={() => onRemove(row)} />
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  )
}

export function InlinePolicies({ kind, name }: { kind: Kind; name: string }) {
  const policies = useLoad(async (signal) => (await iamAll(`List${kind}Policies`, 'PolicyNames', who(kind, name), signal)).map((policy) => ({ PolicyName: policy })), [kind, name])
  const put = async (policy: string, document: string) => {
    await iam(`Put${kind}Policy`, { ...who(kind, name), PolicyName: policy, PolicyDocument: document })
    policies.reload()
    toast('The policy is saved, and acts from the next request on')
  }
  const add = () => editPolicy({ title: 'New inline policy', text: '{\n  "Version": "2012-10-17",\n  "Statement": []\n}', named: true, templates: identityTemplates, check: checkIdentityPolicy, save: (document, policy) => put(policy, document) })
  const open = async (policy: string) => {
    const answer = await iam(`Get${kind}Policy`, { ...who(kind, name), PolicyName: policy })
    editPolicy({ title: `Inline policy ${format.visible(policy)}`, text: documentOf(answer.PolicyDocument), templates: identityTemplates, check: checkIdentityPolicy, save: (document) => put(policy, document) })
  }
  const remove = (policy: string) =>
    confirmAction({
      title: 'Delete the inline policy?',
      children: `${format.visible(policy)} exists only here, and is gone with all it says.`,
      action: 'Delete',
      run: async () => {
        await iam(`Delete${kind}Policy`, { ...who(kind, name), PolicyName: policy })
        policies.reload()
      },
    })
  return (
    <Section title="Inline policies" action={<Button small icon="plus" onClick={add}>Add</Button>}>
      <Load of={policies} asked={{ action: `iam:List${kind}Policies` }}>
        {(list) => <Rows label="Inline policies" rows={list} nameOf={(row) => text(row.PolicyName)} onOpen={(row) => reported(() => open(text(row.PolicyName)))} remove="Delete" onRemove={(row) => remove(text(row.PolicyName))} />}
      </Load>
    </Section>
  )
}

export function Boundary({ kind, name, arn, onChange }: { kind: 'User' | 'Role'; name: string; arn: string; onChange: () => void }) {
  const set = () =>
    openDialog((close) => (
      <PickPolicy
        title="Set the permissions boundary"
        action="Set"
        onClose={close}
        run={async (policy) => {
          await iam(`Put${kind}PermissionsBoundary`, { ...who(kind, name), PermissionsBoundary: policy })
          onChange()
        }}
      />
    ))
  const remove = () =>
    confirmAction({
      title: 'Remove the permissions boundary?',
      children: `${format.visible(name)} may then do all that its policies say.`,
      action: 'Remove',
      run: async () => {
        await iam(`Delete${kind}PermissionsBoundary`, who(kind, name))
        onChange()
      },
    })
  return (
    <span class="row wrap">
      {arn ? <a href={accessHref('policies', arn)}>{format.visible(arn.replace(/^.*:policy\//, ''))}</a> : <span class="muted">none</span>}
      <Menu
        small
        label="Permissions boundary"
        entries={[
          { label: arn ? 'Change' : 'Set', icon: 'edit', run: set },
          ...(arn ? [{ label: 'Remove', icon: 'trash' as const, danger: true, run: remove }] : []),
        ]}
      />
    </span>
  )
}
