/* What is typed into the form, as the job that POST /-/copies takes. */
import type { Job } from './jobs'

export interface Form {
  kind: 'aws' | 'other' | 'local'
  source: string
  endpoint: string
  region: string
  signed: boolean
  accessKey: string
  secretKey: string
  sessionToken: string
  bucket: string
  prefix: string
  include: string
  exclude: string
  minBytes: string
  maxBytes: string
  since: string
  exists: 'skip' | 'overwrite' | 'fail'
  atOnce: string
  rate: string
  totalBytes: string
  totalObjects: string
}

export const empty: Form = {
  kind: 'aws', source: '', endpoint: '', region: '', signed: false, accessKey: '', secretKey: '', sessionToken: '', bucket: '', prefix: '', include: '', exclude: '', minBytes: '', maxBytes: '', since: '',
  exists: 'skip', atOnce: '', rate: '', totalBytes: '', totalObjects: '',
}

export type Problems = Partial<Record<keyof Form, string>>

/** s3://bucket/prefix, or without the scheme. */
export function splitSource(text: string): { bucket: string; prefix: string } | undefined {
  const match = /^(?:s3:\/\/)?([^/\s:]+)(?:\/(.*))?$/s.exec(text.trim())
  return match ? { bucket: match[1] as string, prefix: match[2] ?? '' } : undefined
}

const UNITS: Record<string, number> = { '': 1, b: 1, kib: 1024, mib: 1024 ** 2, gib: 1024 ** 3, tib: 1024 ** 4, kb: 1000, mb: 1000 ** 2, gb: 1000 ** 3, tb: 1000 ** 4, k: 1024, m: 1024 ** 2, g: 1024 ** 3, t: 1024 ** 4 }

/** "10 MiB", "5GB", "123" → bytes; undefined: none of these. */
export function parseSize(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)\s*([a-z]*)$/i.exec(text.trim())
  const unit = UNITS[(match?.[2] ?? '').toLowerCase()]
  return match && unit !== undefined ? Math.round(Number(match[1]) * unit) : undefined
}

const lines = (text: string) => text.split('\n').map((line) => line.trim()).filter(Boolean)

/** Where a key of the source goes: what the prefix has up to its last "/" is taken off. */
export function newKey(prefix: string, destination: string, key: string): string {
  return destination + key.slice(prefix.lastIndexOf('/') + 1)
}

function number(form: Form, name: keyof Form, problems: Problems, read: (text: string) => number | undefined, problem: string): number | undefined {
  const text = form[name] as string
  if (text.trim() === '') return undefined
  const value = read(text)
  if (value === undefined || !Number.isFinite(value)) problems[name] = problem
  return value
}

const whole = (text: string) => (/^\d+$/.test(text.trim()) ? Number(text) : undefined)
const SIZE = 'A size like 500 KiB or 10 GiB'
const WHOLE = 'A whole number'

function sourceOf(form: Form, problems: Problems) {
  const at = splitSource(form.source)
  if (!at) problems.source = 's3://BUCKET/PREFIX'
  if (form.kind === 'other' && !/^https?:\/\/[^/\s]+\/?$/.test(form.endpoint.trim())) problems.endpoint = 'https://HOST, with a port if it needs one'
  if (form.signed && !form.accessKey.trim()) problems.accessKey = 'Give the access key, or copy without keys'
  if (form.signed && !form.secretKey.trim()) problems.secretKey = 'Give the secret key, or copy without keys'
  return {
    ...(at ?? { bucket: '', prefix: '' }),
    ...(form.kind === 'other' ? { endpoint: form.endpoint.trim().replace(/\/$/, '') } : form.kind === 'local' ? { endpoint: 'local' } : {}),
    ...(form.region.trim() && form.kind !== 'local' ? { region: form.region.trim() } : {}),
    ...(form.signed && form.kind !== 'local'
      ? { credentials: { access_key: form.accessKey.trim(), secret_key: form.secretKey.trim(), ...(form.sessionToken.trim() ? { session_token: form.sessionToken.trim() } : {}) } }
      : {}),
  }
}

/** Members that are undefined are left out by JSON. */
export function wantedOf(form: Form, dryRun: boolean): { wanted: Record<string, unknown>; problems: Problems } {
  const problems: Problems = {}
  const source = sourceOf(form, problems)
  if (!form.bucket.trim()) problems.bucket = 'Where to?'
  const since = form.since ? new Date(form.since) : undefined
  if (since && Number.isNaN(since.getTime())) problems.since = 'A date'
  const rate = number(form, 'rate', problems, parseSize, 'A size like 10 MiB')
  const wanted = {
    source,
    destination: { bucket: form.bucket.trim(), prefix: form.prefix },
    filters: {
      ...(lines(form.include).length ? { include: lines(form.include) } : {}),
      ...(lines(form.exclude).length ? { exclude: lines(form.exclude) } : {}),
      min_bytes: number(form, 'minBytes', problems, parseSize, SIZE),
      max_bytes: number(form, 'maxBytes', problems, parseSize, SIZE),
      modified_since: problems.since ? undefined : since?.toISOString().replace(/\.\d+Z$/, 'Z'),
    },
    exists: form.exists,
    limits: {
      objects_at_once: number(form, 'atOnce', problems, whole, WHOLE),
      bytes_per_second: rate,
      total_bytes: number(form, 'totalBytes', problems, parseSize, SIZE),
      total_objects: number(form, 'totalObjects', problems, whole, WHOLE),
    },
    dry_run: dryRun,
  }
  return { wanted, problems }
}

const size = (value: number | null) => (value ? String(value) : '')

/** A job as the form that makes it again; its keys are kept nowhere. */
export function formOf(job: Job): Form {
  return {
    ...empty,
    kind: job.source.endpoint === 'local' ? 'local' : job.source.endpoint ? 'other' : 'aws',
    source: `s3://${job.source.bucket}/${job.source.prefix}`,
    endpoint: job.source.endpoint && job.source.endpoint !== 'local' ? job.source.endpoint : '',
    region: job.source.region ?? '',
    signed: !job.source.anonymous && job.source.endpoint !== 'local',
    bucket: job.destination.bucket,
    prefix: job.destination.prefix,
    include: job.filters.include.join('\n'),
    exclude: job.filters.exclude.join('\n'),
    minBytes: size(job.filters.min_bytes),
    maxBytes: size(job.filters.max_bytes),
    since: job.filters.modified_since?.slice(0, 10) ?? '',
    exists: job.exists,
    rate: size(job.limits.bytes_per_second),
    totalBytes: size(job.limits.total_bytes),
    totalObjects: size(job.limits.total_objects),
  }
}
