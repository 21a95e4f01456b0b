/* Who can do this? Asks SimulatePrincipalPolicy for everybody in the account, and SimulateCustomPolicy for who does not
 * sign, the bucket's policy, ACLs and the public access block included, which the simulation does not look at by itself; or
 * SimulateCustomPolicy for a draft. */
import { GetBucketPolicyCommand } from '@aws-sdk/client-s3'
import { useId, useState } from 'preact/hooks'
import { isJson, JsonEditor } from '../../editor'
import { identityTemplates } from '../../editor/templates'
import { send } from '../../s3/client'
import { asApiError } from '../../s3/errors'
import { iam, iamRecords, list, members, record, records, text, type Rec } from '../../s3/iam'
import { session } from '../../s3/session'
import { Badge, Bar, Button, Empty, ErrorView, Field, format, Note, Select } from '../../ui'
import { TemplateSelect } from './document'
import { accessHref, checkIdentityPolicy } from './parts'

const ACTIONS = [
  's3:GetObject', 's3:PutObject', 's3:DeleteObject', 's3:ListBucket', 's3:GetBucketPolicy', 's3:PutBucketPolicy', 's3:CreateBucket', 's3:DeleteBucket', 's3:ListAllMyBuckets',
  's3:PutBucketPublicAccessBlock', 'lakegate:PutBucketZones', 'lakegate:GetZoneStatistics', 'lakegate:CreateCopyJob', 'lakegate:CreateLink', 'lakegate:GetMetrics', 'iam:CreateUser', 'iam:CreateAccessKey', 'sts:AssumeRole',
]
const AT_ONCE = 4
/** So many are asked about; of more the first by name of users, then of roles. */
const ASKED_MAX = 500

interface Question {
  action: string
  resource: string
  address: string
  zone: string
}

interface Verdict {
  decision: string
  because: string
  missing: string[]
}

interface Row extends Verdict {
  name: string
  link: string
  kind: string
}

/** bucket, bucket/key or an ARN; nothing is everything. */
function arnOf(resource: string): string {
  const given = resource.trim().replace(/^s3:\/\//, '')
  return given === '' ? '*' : given.startsWith('arn:') ? given : `arn:aws:s3:::${given}`
}

function context(question: Question): Record<string, string> {
  const entries = [
    ['aws:SourceIp', question.address.trim(), 'ip'],
    ['lakegate:zone', question.zone.trim(), 'string'],
  ].filter(([, value]) => value !== '')
  return Object.fromEntries(
    entries.flatMap(([name, value, type], index) => [
      [`ContextEntries.member.${index + 1}.ContextKeyName`, name],
      [`ContextEntries.member.${index + 1}.ContextKeyValues.member.1`, value],
      [`ContextEntries.member.${index + 1}.ContextKeyType`, type],
    ]),
  ) as Record<string, string>
}

function because(result: Rec): string {
  const state = record(result.LakegateResourceState)
  if (text(state.AllowedByAcl) === 'true') return 'an access list (ACL)'
  const matched = records(result.MatchedStatements).map((statement) => {
    const line = text(record(statement.StartPosition).Line)
    const ofBucket = text(statement.SourcePolicyType) === 'Resource Policy'
    return `${ofBucket ? "the bucket's policy" : text(statement.SourcePolicyId)}${line ? `, line ${line}` : ''}`
  })
  if (matched.length > 0) return matched.join('; ')
  if (text(record(result.PermissionsBoundaryDecisionDetail).AllowedByPermissionsBoundary) === 'false') return 'not within the permissions boundary'
  if (text(state.ResourcePolicyRestricted) === 'true') return "nothing allows it: the public access block, or the object's other owner, keeps the bucket's policy from it"
  return 'no statement allows it'
}

function verdictOf(answer: Rec): Verdict {
  const result = records(answer.EvaluationResults)[0] ?? {}
  return { decision: text(result.EvalDecision), because: because(result), missing: list(result.MissingContextValues).map(text) }
}

const common = (question: Question) => ({ ...members('ActionNames', [question.action.trim()]), ...members('ResourceArns', [arnOf(question.resource)]), ...context(question) })

/** What is looked at beside policies: ACLs, ownership and the public access block, for those who may read them. */
const STATE = { LakegateResourceState: 'true' }

/** Asks with the bucket's state, or without it, which is said. */
async function withState(ask: (more: Record<string, string>) => Promise<Rec>): Promise<{ answer: Rec; note: string }> {
  try {
    return { answer: await ask(STATE), note: '' }
  } catch (thrown) {
    const error = asApiError(thrown)
    if (error.code !== 'AccessDenied') throw thrown
    return { answer: await ask({}), note: `Access lists and the public access block are left out: ${error.message}` }
  }
}

/** The bucket's policy; empty when there is none or it may not be read, which is said. */
async function bucketPolicy(resource: string): Promise<{ policy: string; note: string }> {
  const bucket = /^arn:aws:s3:::([^/*?]+)(?:\/|$)/.exec(arnOf(resource))?.[1]
  if (!bucket) return { policy: '', note: '' }
  try {
    return { policy: (await send(new GetBucketPolicyCommand({ Bucket: bucket }))).Policy ?? '', note: '' }
  } catch (thrown) {
    const error = asApiError(thrown)
    return { policy: '', note: error.code === 'NoSuchBucketPolicy' ? '' : `The bucket's policy is left out: ${error.message}` }
  }
}

async function everybody(question: Question, found: (rows: Row[], of: number) => void): Promise<string> {
  const { policy, note } = await bucketPolicy(question.resource)
  const users = await iamRecords('ListUsers', 'Users')
  const roles = await iamRecords('ListRoles', 'Roles')
  const asked = [
    ...users.map((user) => ({ arn: text(user.Arn), name: text(user.UserName), kind: 'user', link: accessHref('users', text(user.UserName)) })),
    ...roles.map((role) => ({ arn: text(role.Arn), name: text(role.RoleName), kind: 'role', link: accessHref('roles', text(role.RoleName)) })),
  ]
  const rows: Row[] = []
  const queue = asked.slice(0, ASKED_MAX)
  const of = queue.length + 1
  found([], of)
  const ofBucket: Record<string, string> = policy ? { ResourcePolicy: policy, ResourceOwner: session.value?.account ?? '' } : {}
  const add = (answer: Rec, who: Pick<Row, 'name' | 'kind' | 'link'>) => {
    rows.push({ ...verdictOf(answer), ...who })
    found([...rows].sort((a, b) => rank(a) - rank(b) || a.name.localeCompare(b.name)), of)
  }
  const anybody = await withState((more) => iam('SimulateCustomPolicy', { CallerArn: 'anonymous', ...common(question), ...ofBucket, ...more }))
  const more = anybody.note ? {} : STATE
  add(anybody.answer, { name: 'Anybody, without keys', kind: 'anonymous', link: '' })
  const worker = async () => {
    for (let next = queue.shift(); next; next = queue.shift()) {
      const answer = await iam('SimulatePrincipalPolicy', { PolicySourceArn: next.arn, CallerArn: next.arn, ...common(question), ...ofBucket, ...more })
      add(answer, next)
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, worker))
  const left = asked.length + 1 - of
  return [note, anybody.note, left > 0 ? `The first ${of} were asked about; ${format.count(left)} were not.` : ''].filter(Boolean).join(' ')
}

const rank = (row: Verdict) => ['allowed', 'explicitDeny', 'implicitDeny'].indexOf(row.decision)

function Decision({ of }: { of: string }) {
  if (of === 'allowed') return <Badge tone="ok" icon="check">allowed</Badge>
  if (of === 'explicitDeny') return <Badge tone="danger" icon="close">denied</Badge>
  return <Badge>not allowed</Badge>
}

export function Simulate({ params }: { params: Record<string, string> }) {
  const [question, setQuestion] = useState<Question>({ action: params.action ?? 's3:GetObject', resource: params.resource ?? '', address: '', zone: '' })
  const [whom, setWhom] = useState<'everybody' | 'draft'>('everybody')
  const [draft, setDraft] = useState(() => JSON.stringify(identityTemplates[0]?.make('BUCKET'), null, 2))
  const [rows, setRows] = useState<Row[] | null>(null)
  const [of, setOf] = useState(0)
  const [note, setNote] = useState('')
  const [busy, setBusy] = useState(false)
  const [error, setError] = useState<unknown>(null)
  const id = useId()
  const change = (part: Partial<Question>) => setQuestion({ ...question, ...part })
  const ask = async () => {
    setBusy(true)
    setError(null)
    setRows(null)
    try {
      if (whom === 'draft') {
        const answer = await iam('SimulateCustomPolicy', { ...members('PolicyInputList', [draft]), ...common(question) })
        setNote('')
        setOf(1)
        setRows([{ ...verdictOf(answer), name: 'Whoever has the draft', kind: 'draft', link: '' }])
      } else
        setNote(
          await everybody(question, (found, all) => {
            setRows(found)
            setOf(all)
          }),
        )
    } catch (thrown) {
      setError(thrown)
    }
    setBusy(false)
  }
  return (
    <div class="stack">
      <form
        class="card"
        onSubmit={(event) => {
          event.preventDefault()
          void ask()
        }}
      >
        <div class="card-body stack">
          <div class="two">
            <div class="field">
              <label for={id}>Action</label>
              <input class="input mono" id={id} list={`${id}-actions`} value={question.action} required onInput={(event) => change({ action: event.currentTarget.value })} />
              <datalist id={`${id}-actions`}>
                {ACTIONS.map((action) => (
                  <option key={action} value={action} />
                ))}
              </datalist>
            </div>
            <Field label="On" value={question.resource} onInput={(resource) => change({ resource })} mono placeholder="bucket/key" hint="A bucket, bucket/key, or an ARN; empty: everything" />
            <Field label="From the address" value={question.address} onInput={(address) => change({ address })} mono placeholder="any" />
            <Field label="In the zone" value={question.zone} onInput={(zone) => change({ zone })} mono placeholder="none" />
            <Select
              label="Who"
              value={whom}
              onChange={(value) => setWhom(value as typeof whom)}
              options={[
                { value: 'everybody', label: 'Everybody' },
                { value: 'draft', label: 'Whoever has a draft policy' },
              ]}
            />
          </div>
          {whom === 'draft' && (
            <>
              <div class="two">
                <TemplateSelect templates={identityTemplates} subject={/^[^/:]+/.exec(question.resource)?.[0] ?? 'BUCKET'} onPick={setDraft} />
              </div>
              <JsonEditor label="Draft policy" value={draft} onInput={setDraft} check={checkIdentityPolicy} refusal={error} />
            </>
          )}
          <div>
            <Button type="submit" kind="primary" icon="search" busy={busy} disabled={whom === 'draft' && !isJson(draft)}>
              Ask
            </Button>
          </div>
        </div>
      </form>
      {error !== null && <ErrorView error={error} />}
      {note && <Note tone="warn">{note}</Note>}
      {busy && of > 1 && <Bar portion={(rows?.length ?? 0) / of} label="Asked" />}
      {rows && <Answers rows={rows} done={!busy} />}
    </div>
  )
}

function Answers({ rows, done }: { rows: Row[]; done: boolean }) {
  if (rows.length === 0) return done ? <Empty icon="users" title="There are no users and roles" /> : null
  const missing = [...new Set(rows.flatMap((row) => row.missing))]
  return (
    <>
      <p role="status">
        {format.count(rows.filter((row) => row.decision === 'allowed').length)} of {format.count(rows.length)} may. Root may always, unless a bucket policy denies it; session policies are not looked at, nor are the users of other accounts.
      </p>
      <div class="card table-wrap">
        <table class="table" aria-label="Answers">
          <thead>
            <tr>
              <th>Who</th>
              <th>Kind</th>
              <th>May they</th>
              <th>Decided by</th>
            </tr>
          </thead>
          <tbody>
            {rows.map((row) => (
              <tr key={`${row.kind}/${row.name}`}>
                <td class="wrap">
                  {row.link ? <a href={row.link}>{format.visible(row.name)}</a> : row.name}
                </td>
                <td>{row.kind}</td>
                <td>
                  <Decision of={row.decision} />
                </td>
                <td class="wrap">{format.visible(row.because)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {missing.length > 0 && <p class="muted">Policies also look at what was not given: {missing.map(format.visible).join(', ')}</p>}
    </>
  )
}
