/* Buckets, and what the list of them shows. Each fact is asked for by itself: who may not know one still sees the
 * others. */
import {
  CreateBucketCommand,
  DeleteBucketCommand,
  GetBucketAclCommand,
  GetBucketPolicyStatusCommand,
  GetBucketVersioningCommand,
  GetPublicAccessBlockCommand,
  ListBucketsCommand,
} from '@aws-sdk/client-s3'
import { send } from './client'
import { ApiError } from './errors'
import { lakegateJson, signedFetch } from './fetch'
import { currentSession } from './session'

export interface BucketEntry {
  name: string
  created?: Date
}

export async function listBuckets(signal?: AbortSignal): Promise<BucketEntry[]> {
  const found: BucketEntry[] = []
  let token: string | undefined
  do {
    const answer = await send(new ListBucketsCommand({ MaxBuckets: 1000, ContinuationToken: token }), { abortSignal: signal })
    for (const bucket of answer.Buckets ?? []) found.push({ name: bucket.Name ?? '', created: bucket.CreationDate })
    token = answer.ContinuationToken
  } while (token)
  return found
}

export interface Zone {
  Name: string
  Prefix?: string
  WriteOnce?: boolean
  Duplicates?: string
  RetentionDays?: number
  PromoteFrom?: string[]
  [member: string]: unknown
}

/** undefined: denied; []: it has none */
export async function bucketZones(bucket: string, signal?: AbortSignal): Promise<Zone[] | undefined> {
  try {
    return (await lakegateJson<{ Zones?: Zone[] }>('lakegate-zones', { bucket, signal })).Zones ?? []
  } catch (thrown) {
    return thrown instanceof ApiError && thrown.status === 404 ? [] : undefined
  }
}

/** The zone a key lies in. */
export function zoneOf(zones: Zone[] | undefined, key: string): Zone | undefined {
  return zones?.find((zone) => key.startsWith(zone.Prefix ?? ''))
}

export interface BucketFacts {
  objects?: number
  bytes?: number
  access?: Access
  zones?: Zone[]
  versioning?: string
}

/** open: everybody may do something; blocked: policy or ACL say so, and the public access block undoes it */
export type Access = 'private' | 'open' | 'blocked'

const EVERYBODY = /\/groups\/global\/(AllUsers|AuthenticatedUsers)$/

async function publicState(bucket: string, signal?: AbortSignal): Promise<Access | undefined> {
  const absent = (codes: string[]) => (error: ApiError) => {
    if (codes.includes(error.code)) return undefined
    throw error
  }
  const options = { abortSignal: signal }
  const [policy, acl, block] = await Promise.all([
    send(new GetBucketPolicyStatusCommand({ Bucket: bucket }), options).catch(absent(['NoSuchBucketPolicy'])),
    send(new GetBucketAclCommand({ Bucket: bucket }), options).catch(absent(['AccessDenied'])),
    send(new GetPublicAccessBlockCommand({ Bucket: bucket }), options).catch(absent(['NoSuchPublicAccessBlockConfiguration', 'AccessDenied'])),
  ])
  const blocks = block?.PublicAccessBlockConfiguration
  const byPolicy = policy?.PolicyStatus?.IsPublic ?? false
  const byAcl = acl?.Grants?.some((grant) => EVERYBODY.test(grant.Grantee?.URI ?? '')) ?? false
  if ((byPolicy && !blocks?.RestrictPublicBuckets) || (byAcl && !blocks?.IgnorePublicAcls)) return 'open'
  return byPolicy || byAcl ? 'blocked' : 'private'
}

export async function bucketFacts(bucket: string, signal?: AbortSignal): Promise<BucketFacts> {
  const facts: BucketFacts = {}
  const quiet = (run: Promise<void>) => run.catch(() => undefined)
  await Promise.all([
    quiet(
      signedFetch({ method: 'HEAD', bucket, signal }).then(({ headers }) => {
        const objects = headers.get('x-lakegate-object-count')
        const bytes = headers.get('x-lakegate-byte-count')
        if (objects !== null) facts.objects = Number(objects)
        if (bytes !== null) facts.bytes = Number(bytes)
      }),
    ),
    quiet(
      publicState(bucket, signal).then((state) => {
        facts.access = state
      }),
    ),
    quiet(
      bucketZones(bucket, signal).then((zones) => {
        facts.zones = zones
      }),
    ),
    quiet(
      send(new GetBucketVersioningCommand({ Bucket: bucket }), { abortSignal: signal }).then((answer) => {
        facts.versioning = answer.Status ?? ''
      }),
    ),
  ])
  return facts
}

export async function createBucket(name: string): Promise<void> {
  const region = currentSession().region
  await send(
    new CreateBucketCommand({ Bucket: name, CreateBucketConfiguration: region === 'us-east-1' ? undefined : { LocationConstraint: region as 'eu-west-1' } }),
  )
}

export async function deleteBucket(name: string): Promise<void> {
  await send(new DeleteBucketCommand({ Bucket: name }))
}

/** What is wrong with a name for a bucket; empty: nothing that can be told here. */
export function bucketNameProblem(name: string): string {
  if (name.length < 3 || name.length > 63) return 'A name has 3 to 63 characters.'
  if (!/^[a-z0-9.-]+$/.test(name)) return 'Only a-z, 0-9, "." and "-" are allowed.'
  if (!/^[a-z0-9].*[a-z0-9]$/.test(name)) return 'It begins and ends with a letter or digit.'
  if (name.includes('..')) return 'Two dots may not follow each other.'
  if (/^\d+\.\d+\.\d+\.\d+$/.test(name)) return 'It may not look like an IP address.'
  return ''
}
