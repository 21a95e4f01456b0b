/* The public access block: of the bucket, and of the account by S3 Control. What is on at either is on. */
import { DeletePublicAccessBlockCommand, GetPublicAccessBlockCommand, PutPublicAccessBlockCommand } from '@aws-sdk/client-s3'
import { useEffect, useState } from 'preact/hooks'
import { send } from '../../s3/client'
import { asApiError } from '../../s3/errors'
import { signedFetch, xmlText } from '../../s3/fetch'
import { session } from '../../s3/session'
import { Badge, Button, Check, confirmAction, ErrorView, Load, toast, useLoad, type Asked } from '../../ui'

const switches = [
  { name: 'BlockPublicPolicy', label: 'Refuse public policies', hint: 'A policy that lets in everybody cannot be saved.' },
  { name: 'RestrictPublicBuckets', label: 'Let public policies serve the account only', hint: 'A public policy that is there reaches nobody outside of the account.' },
  { name: 'BlockPublicAcls', label: 'Refuse public ACLs', hint: 'Neither buckets nor objects can be opened by an ACL.' },
  { name: 'IgnorePublicAcls', label: 'Ignore public ACLs', hint: 'Grants to everybody that are there do not count.' },
] as const

type Name = (typeof switches)[number]['name']
type Block = Record<Name, boolean>

const block = (on: (name: Name) => boolean): Block => Object.fromEntries(switches.map(({ name }) => [name, on(name)])) as Block
const NONE = block(() => false)

const absent = (thrown: unknown): Block => {
  if (asApiError(thrown).code === 'NoSuchPublicAccessBlockConfiguration') return NONE
  throw thrown
}

async function readBucket(bucket: string, signal: AbortSignal): Promise<Block> {
  try {
    const { PublicAccessBlockConfiguration: found } = await send(new GetPublicAccessBlockCommand({ Bucket: bucket }), { abortSignal: signal })
    return block((name) => found?.[name] ?? false)
  } catch (thrown) {
    return absent(thrown)
  }
}

async function saveBucket(bucket: string, next: Block): Promise<void> {
  if (Object.values(next).some(Boolean)) await send(new PutPublicAccessBlockCommand({ Bucket: bucket, PublicAccessBlockConfiguration: next }))
  else await send(new DeletePublicAccessBlockCommand({ Bucket: bucket }))
}

const ACCOUNT_PATH = '/v20180820/configuration/publicAccessBlock'
const ofAccount = () => ({ path: ACCOUNT_PATH, headers: { 'x-amz-account-id': session.value?.account ?? '' } })

async function readAccount(signal: AbortSignal): Promise<Block> {
  try {
    const xml = new DOMParser().parseFromString(await (await signedFetch({ ...ofAccount(), method: 'GET', signal })).text(), 'application/xml')
    return block((name) => xmlText(xml, name) === 'true')
  } catch (thrown) {
    return absent(thrown)
  }
}

async function saveAccount(next: Block): Promise<void> {
  const elements = switches.map(({ name }) => `<${name}>${next[name]}</${name}>`).join('')
  const body = `<PublicAccessBlockConfiguration xmlns="http://awss3control.amazonaws.com/doc/2018-08-20/">${elements}</PublicAccessBlockConfiguration>`
  await signedFetch({ ...ofAccount(), method: 'PUT', body })
}

function Switches({ title, of, save, asked, warning }: { title: string; of: Block; save: (next: Block) => Promise<void>; asked: Asked; warning: string }) {
  const [now, setNow] = useState(of)
  const [busy, setBusy] = useState(false)
  const [error, setError] = useState<unknown>(null)
  useEffect(() => setNow(of), [of])
  const changed = switches.some(({ name }) => now[name] !== of[name])
  const opens = switches.some(({ name }) => of[name] && !now[name])
  const put = async () => {
    setBusy(true)
    setError(null)
    try {
      await save(now)
      toast(`${title}: saved`)
    } catch (thrown) {
      setError(thrown)
    }
    setBusy(false)
  }
  const submit = () => {
    if (!opens) return void put()
    return confirmAction({ title: 'Take the protection away?', children: warning, action: 'Switch off', run: put })
  }
  const on = switches.filter(({ name }) => of[name]).length
  return (
    <section class="card" aria-label={title}>
      <div class="card-head">
        <h2>{title}</h2>
        {on === switches.length ? <Badge tone="ok" icon="lock">closed</Badge> : on === 0 ? <Badge tone="warn">open to what policies and ACLs say</Badge> : <Badge>{on} of 4 on</Badge>}
      </div>
      <div class="card-body switches">
        {switches.map(({ name, label, hint }) => (
          <Check key={name} label={label} hint={hint} checked={now[name]} onChange={(checked) => setNow({ ...now, [name]: checked })} />
        ))}
        {error !== null && <ErrorView error={error} asked={asked} />}
        <div class="row wrap">
          <Button kind="primary" disabled={!changed} busy={busy} onClick={submit}>
            Save
          </Button>
          <Button kind="plain" onClick={() => setNow(block(() => true))}>
            All on
          </Button>
          <Button kind="plain" onClick={() => setNow(NONE)}>
            All off
          </Button>
        </div>
      </div>
    </section>
  )
}

export function PublicAccess({ bucket }: { bucket: string }) {
  const ofBucket = useLoad((signal) => readBucket(bucket, signal), [bucket])
  const account = useLoad(readAccount, [])
  return (
    <div class="detail">
      <Load of={ofBucket} asked={{ action: 's3:GetBucketPublicAccessBlock', resource: bucket }}>
        {(found) => (
          <Switches
            title="This bucket"
            of={found}
            save={async (next) => {
              await saveBucket(bucket, next)
              ofBucket.reload()
            }}
            asked={{ action: 's3:PutBucketPublicAccessBlock', resource: bucket }}
            warning={`What the policy and the ACLs of ${bucket} give to everybody holds from the next request on.`}
          />
        )}
      </Load>
      <Load of={account} asked={{ action: 's3:GetAccountPublicAccessBlock' }}>
        {(found) => (
          <Switches
            title={`All buckets of account ${session.value?.account ?? ''}`}
            of={found}
            save={async (next) => {
              await saveAccount(next)
              account.reload()
            }}
            asked={{ action: 's3:PutAccountPublicAccessBlock' }}
            warning="Each bucket is then as open as its own switches, its policy and its ACLs say."
          />
        )}
      </Load>
    </div>
  )
}
