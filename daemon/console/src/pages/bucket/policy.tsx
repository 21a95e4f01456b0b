import { DeleteBucketPolicyCommand, GetBucketPolicyCommand, GetBucketPolicyStatusCommand, PutBucketPolicyCommand } from '@aws-sdk/client-s3'
import { useRef } from 'preact/hooks'
import { bucketTemplates } from '../../editor/templates'
import type { Checked } from '../../editor'
import { href } from '../../router'
import { send } from '../../s3/client'
import { asApiError } from '../../s3/errors'
import { iam, list, members, text } from '../../s3/iam'
import { held, mayAskIam } from '../../s3/lasting'
import { session } from '../../s3/session'
import { Badge, Button, LinkButton, Note, useLoad } from '../../ui'
import { DocumentCard } from './document'

async function read(bucket: string, signal: AbortSignal): Promise<string> {
  try {
    return (await send(new GetBucketPolicyCommand({ Bucket: bucket }), { abortSignal: signal })).Policy ?? ''
  } catch (thrown) {
    if (asApiError(thrown).code === 'NoSuchBucketPolicy') return ''
    throw thrown
  }
}

/** Somebody must ask in a simulation: oneself, of a role's session the role. */
function callerArn(): string {
  const arn = held.value?.arn ?? session.value?.arn ?? ''
  return arn.replace(/^arn:aws:sts::(\d+):assumed-role\/([^/]+)\/.*$/, 'arn:aws:iam::$1:role/$2')
}

/** The simulation reads a bucket's policy as PutBucketPolicy does, and keeps nothing; only IAM's keys may ask it. */
async function check(bucket: string, document: string, signal: AbortSignal): Promise<Checked> {
  if (!mayAskIam.value) return { refusal: '', warnings: [] }
  const none = JSON.stringify({ Version: '2012-10-17', Statement: { Effect: 'Deny', Action: 's3:ListAllMyBuckets', Resource: '*' } })
  try {
    const answer = await iam(
      'SimulateCustomPolicy',
      {
        ...members('PolicyInputList', [none]),
        ...members('ActionNames', ['s3:GetObject']),
        ...members('ResourceArns', [`arn:aws:s3:::${bucket}/x`]),
        ResourcePolicy: document,
        CallerArn: callerArn(),
      },
      signal,
    )
    return { refusal: '', warnings: list(answer.Warnings).map(text) }
  } catch (thrown) {
    const error = asApiError(thrown)
    const refusal = /^ResourcePolicy: (.*)/s.exec(error.message)?.[1]
    return { refusal: refusal ?? '', warnings: [] }
  }
}

/** What can be done about a refusal that is not about the text. */
function Help({ error, bucket, confirm }: { error: unknown; bucket: string; confirm: () => void }) {
  const { message } = asApiError(error)
  if (message.includes('BlockPublicPolicy'))
    return (
      <div>
        <LinkButton href={href('bucket', { bucket, tab: 'public' })} icon="globe">
          Public access of this bucket
        </LinkButton>
      </div>
    )
  if (message.includes('x-amz-confirm-remove-self-bucket-access'))
    return (
      <Note tone="warn">
        <span>You would lose the right to change this policy; only the account's root could take it back.</span>
        <span>
          <Button small kind="danger" onClick={confirm}>
            Save it all the same
          </Button>
        </span>
      </Note>
    )
  return null
}

export function Policy({ bucket }: { bucket: string }) {
  const status = useLoad(
    async (signal) => {
      try {
        return (await send(new GetBucketPolicyStatusCommand({ Bucket: bucket }), { abortSignal: signal })).PolicyStatus?.IsPublic ?? false
      } catch {
        return undefined
      }
    },
    [bucket],
  )
  const confirmed = useRef(false)
  return (
    <>
      <div class="row wrap">
        <span class="grow">
          {status.value === true && <Badge tone="danger" icon="globe">public</Badge>} Whom the bucket lets in, besides what policies of users and roles allow.
        </span>
        <LinkButton small icon="search" href={href('access', { tab: 'simulate', resource: `${bucket}/` })}>
          Who can do this?
        </LinkButton>
      </div>
      <DocumentCard
        bucket={bucket}
        label="The bucket's policy"
        read={(signal) => read(bucket, signal)}
        save={async (document) => {
          await send(new PutBucketPolicyCommand({ Bucket: bucket, Policy: document, ConfirmRemoveSelfBucketAccess: confirmed.current || undefined }))
          confirmed.current = false
        }}
        remove={async () => void (await send(new DeleteBucketPolicyCommand({ Bucket: bucket })))}
        removed="Only policies of users and roles decide then, and nobody else gets in."
        templates={bucketTemplates}
        check={(document, signal) => check(bucket, document, signal)}
        asked={{ read: { action: 's3:GetBucketPolicy', resource: bucket }, save: { action: 's3:PutBucketPolicy', resource: bucket } }}
        onChange={status.reload}
        help={(error, save) => (
          <Help
            error={error}
            bucket={bucket}
            confirm={() => {
              confirmed.current = true
              save()
            }}
          />
        )}
      />
    </>
  )
}
