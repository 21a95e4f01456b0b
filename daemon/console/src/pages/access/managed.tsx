/* Managed policies and their versions. */
import { useState } from 'preact/hooks'
import { JsonEditor, pretty } from '../../editor'
import { identityTemplates } from '../../editor/templates'
import { go } from '../../router'
import { documentOf, iam, iamRecords, record, records, text, type Rec } from '../../s3/iam'
import { Badge, Button, confirmAction, format, Load, Menu, toast, useLoad } from '../../ui'
import { editPolicy, showPolicy } from './document'
import { accessHref, checkIdentityPolicy, NameTable, reported, Section } from './parts'
import { Tags } from './tags'

const builtIn = (arn: string) => arn.includes(':aws:policy/')

export function Policies() {
  const policies = useLoad((signal) => iamRecords('ListPolicies', 'Policies', { Scope: 'All' }, signal), [])
  const create = () =>
    editPolicy({
      title: 'Create a managed policy',
      text: '{\n  "Version": "2012-10-17",\n  "Statement": []\n}',
      named: true,
      templates: identityTemplates,
      action: 'Create',
      check: checkIdentityPolicy,
      save: async (document, name) => {
        const made = record((await iam('CreatePolicy', { PolicyName: name, PolicyDocument: document })).Policy)
        go('access', { tab: 'policies', name: text(made.Arn) })
      },
    })
  return (
    <Load of={policies} asked={{ action: 'iam:ListPolicies' }}>
      {(list) => (
        <NameTable
          label="Managed policies"
          rows={list}
          nameOf={(policy) => text(policy.PolicyName)}
          linkOf={(policy) => accessHref('policies', text(policy.Arn))}
          empty={{ icon: 'policy', title: 'No managed policies' }}
          columns={[
            { label: 'Kind', cell: (policy) => (builtIn(text(policy.Arn)) ? <Badge>built in</Badge> : <Badge tone="accent">yours</Badge>) },
            { label: 'Acts', cell: (policy) => text(policy.DefaultVersionId) },
            { label: 'Attached', num: true, cell: (policy) => text(policy.AttachmentCount) },
            { label: 'Changed', cell: (policy) => <span class="nowrap">{format.time(text(policy.UpdateDate))}</span> },
          ]}
        >
          <Button kind="primary" icon="plus" onClick={create}>
            Create policy
          </Button>
        </NameTable>
      )}
    </Load>
  )
}

interface Shown {
  policy: Rec
  document: string
  versions: Rec[]
}

async function load(arn: string, signal: AbortSignal): Promise<Shown> {
  const policy = record((await iam('GetPolicy', { PolicyArn: arn }, signal)).Policy)
  const versions = await iamRecords('ListPolicyVersions', 'Versions', { PolicyArn: arn }, signal)
  const document = await versionText(arn, text(policy.DefaultVersionId), signal)
  return { policy, document, versions }
}

async function versionText(arn: string, version: string, signal?: AbortSignal): Promise<string> {
  return documentOf(record((await iam('GetPolicyVersion', { PolicyArn: arn, VersionId: version }, signal)).PolicyVersion).Document)
}

function Versions({ arn, shown, onChange }: { arn: string; shown: Shown; onChange: () => void }) {
  const name = text(shown.policy.PolicyName)
  const view = async (version: string) => showPolicy(`${format.visible(name)}, version ${version}`, await versionText(arn, version))
  const setDefault = (version: string) =>
    confirmAction({
      title: `Let ${version} act?`,
      children: 'Everybody who has the policy is bound by this version from the next request on, running sessions included.',
      action: 'Set as default',
      danger: false,
      run: async () => {
        await iam('SetDefaultPolicyVersion', { PolicyArn: arn, VersionId: version })
        onChange()
      },
    })
  const remove = (version: string) =>
    confirmAction({
      title: `Delete ${version}?`,
      children: 'The text of this version is gone.',
      action: 'Delete',
      run: async () => {
        await iam('DeletePolicyVersion', { PolicyArn: arn, VersionId: version })
        onChange()
      },
    })
  return (
    <Section title="Versions">
      <table class="table" aria-label="Versions">
        <tbody>
          {shown.versions.map((version) => {
            const id = text(version.VersionId)
            const acts = text(version.IsDefaultVersion) === 'true'
            return (
              <tr key={id}>
                <td>
                  <Button kind="link" onClick={() => reported(() => view(id))}>
                    {id}
                  </Button>{' '}
                  {acts && <Badge tone="ok">acts</Badge>}
                </td>
                <td class="nowrap">{format.time(text(version.CreateDate))}</td>
                <td class="actions">
                  {!acts && (
                    <Menu
                      small
                      label={`Actions on ${id}`}
                      entries={[
                        { label: 'Set as default', icon: 'check', run: () => setDefault(id) },
                        { label: 'Delete', icon: 'trash', danger: true, run: () => remove(id) },
                      ]}
                    />
                  )}
                </td>
              </tr>
            )
          })}
        </tbody>
      </table>
    </Section>
  )
}

/** A policy keeps five versions: for a sixth the oldest that does not act goes first. */
async function addVersion(arn: string, shown: Shown, document: string): Promise<void> {
  const spare = shown.versions.filter((version) => text(version.IsDefaultVersion) !== 'true').sort((a, b) => text(a.CreateDate).localeCompare(text(b.CreateDate)))
  if (shown.versions.length >= 5 && spare[0]) await iam('DeletePolicyVersion', { PolicyArn: arn, VersionId: text(spare[0].VersionId) })
  await iam('CreatePolicyVersion', { PolicyArn: arn, PolicyDocument: document, SetAsDefault: 'true' })
}

async function removePolicy(arn: string, shown: Shown): Promise<void> {
  for (const version of shown.versions)
    if (text(version.IsDefaultVersion) !== 'true') await iam('DeletePolicyVersion', { PolicyArn: arn, VersionId: text(version.VersionId) })
  await iam('DeletePolicy', { PolicyArn: arn })
}

export function Policy({ arn }: { arn: string }) {
  const policy = useLoad((signal) => load(arn, signal), [arn])
  const edit = (shown: Shown) =>
    editPolicy({
      title: `New version of ${format.visible(text(shown.policy.PolicyName))}`,
      text: shown.document,
      action: shown.versions.length >= 5 ? 'Save, and drop the oldest version' : 'Save as a new version',
      check: checkIdentityPolicy,
      save: async (document) => {
        await addVersion(arn, shown, document)
        policy.reload()
        toast('The new version acts')
      },
    })
  const remove = (shown: Shown) =>
    confirmAction({
      title: 'Delete the policy?',
      children: 'All its versions are gone. It must not be attached to anybody.',
      action: 'Delete',
      typed: text(shown.policy.PolicyName),
      run: async () => {
        await removePolicy(arn, shown)
        go('access', { tab: 'policies' })
      },
    })
  return (
    <Load of={policy} asked={{ action: 'iam:GetPolicy', resource: arn }}>
      {(shown) => (
        <div class="detail">
          <Section title="Policy" action={!builtIn(arn) && <Button small kind="plain" icon="trash" onClick={() => remove(shown)}>Delete</Button>}>
            <dl class="facts">
              <dt>ARN</dt>
              <dd class="mono">{format.visible(arn)}</dd>
              <dt>Description</dt>
              <dd>{format.visible(text(shown.policy.Description)) || <span class="muted">none</span>}</dd>
              <dt>Changed</dt>
              <dd>{format.time(text(shown.policy.UpdateDate))}</dd>
            </dl>
          </Section>
          <Versions arn={arn} shown={shown} onChange={policy.reload} />
          <Section wide title="What it says" action={!builtIn(arn) && <Button small icon="edit" onClick={() => edit(shown)}>Edit</Button>}>
            <JsonEditor key={shown.document} label="Policy document" value={pretty(shown.document)} />
          </Section>
          <Attachments arn={arn} />
          {!builtIn(arn) && <Tags kind="Policy" name={arn} tags={records(shown.policy.Tags)} onChange={policy.reload} />}
        </div>
      )}
    </Load>
  )
}

const kinds = [
  { list: 'PolicyUsers', name: 'UserName', tab: 'users' },
  { list: 'PolicyGroups', name: 'GroupName', tab: 'groups' },
  { list: 'PolicyRoles', name: 'RoleName', tab: 'roles' },
] as const

function Attachments({ arn }: { arn: string }) {
  const [usage, setUsage] = useState<'PermissionsPolicy' | 'PermissionsBoundary'>('PermissionsPolicy')
  const entities = useLoad((signal) => iam('ListEntitiesForPolicy', { PolicyArn: arn, PolicyUsageFilter: usage, MaxItems: '1000' }, signal), [arn, usage])
  const other = usage === 'PermissionsPolicy' ? 'PermissionsBoundary' : 'PermissionsPolicy'
  return (
    <Section
      title={usage === 'PermissionsPolicy' ? 'Who has it' : 'Whose boundary it is'}
      action={
        <Button small kind="plain" onClick={() => setUsage(other)}>
          {usage === 'PermissionsPolicy' ? 'As boundary' : 'As permissions'}
        </Button>
      }
    >
      <Load of={entities} asked={{ action: 'iam:ListEntitiesForPolicy', resource: arn }}>
        {(answer) => {
          const rows = kinds.flatMap((kind) => records(answer[kind.list]).map((entity) => ({ name: text(entity[kind.name]), tab: kind.tab })))
          if (rows.length === 0) return <p class="muted">Nobody</p>
          return (
            <table class="table" aria-label="Who has it">
              <tbody>
                {rows.map((row) => (
                  <tr key={`${row.tab}/${row.name}`}>
                    <td class="wrap">
                      <a href={accessHref(row.tab, row.name)}>{format.visible(row.name)}</a>
                    </td>
                    <td>{row.tab.slice(0, -1)}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          )
        }}
      </Load>
    </Section>
  )
}
