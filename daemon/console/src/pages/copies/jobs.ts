/* Copy jobs as docs/BULK-COPY.md has them. */
import { daemonJson, signedFetch } from '../../s3/fetch'
import { eventsOf } from './events'

export type State = 'queued' | 'running' | 'paused' | 'done' | 'failed' | 'canceled'

export interface Job {
  id: string
  state: State
  reason: string | null
  message: string | null
  created: string
  started: string | null
  finished: string | null
  created_by: string
  source: { bucket: string; prefix: string; endpoint: string | null; region: string | null; anonymous: boolean }
  destination: { bucket: string; prefix: string }
  filters: { include: string[]; exclude: string[]; min_bytes: number | null; max_bytes: number | null; modified_since: string | null }
  exists: 'skip' | 'overwrite' | 'fail'
  limits: { objects_at_once: number; bytes_per_second: number; total_bytes: number; total_objects: number }
  dry_run: boolean
  total: { objects: number; bytes: number; complete: boolean }
  progress: {
    listed_objects: number
    copied_objects: number
    copied_bytes: number
    skipped_objects: number
    skipped_bytes: number
    filtered_objects: number
    duplicate_objects: number
    failed_objects: number
    in_flight_objects: number
    received_bytes: number
    objects_per_second: number
    bytes_per_second: number
    seconds_left: number | null
    retries: number
    verified: { checksum: number; md5: number; etag: number; none: number }
  }
  warnings: { tags_left_out: number; failures_not_listed: number }
  limit_reached: boolean
}

export interface Failure {
  n: number
  key: string
  destination: string
  bytes: number
  reason: string
  message: string
  tries: number
  at: string
}

export interface Credentials {
  access_key: string
  secret_key: string
  session_token?: string
}

export const isActive = (job: Job): boolean => job.state === 'queued' || job.state === 'running' || job.state === 'paused'

const PATH = '/-/copies'
const at = (id: string, rest = '') => `${PATH}/${encodeURIComponent(id)}${rest}`

export function listJobs(after: string, signal?: AbortSignal): Promise<{ copies: Job[]; truncated: boolean }> {
  return daemonJson('GET', PATH, { query: { max: '100', ...(after ? { after } : {}) }, signal })
}

export const getJob = (id: string, signal?: AbortSignal) => daemonJson<Job>('GET', at(id), { signal })
export const startJob = (wanted: unknown) => daemonJson<Job>('POST', PATH, { body: JSON.stringify(wanted), headers: { 'content-type': 'application/json' } })
export const cancelJob = (id: string) => daemonJson<object>('DELETE', at(id))

export function controlJob(id: string, verb: 'pause' | 'resume' | 'retry', credentials?: Credentials): Promise<Job> {
  return daemonJson('POST', at(id), { query: { [verb]: '' }, ...(credentials ? { body: JSON.stringify({ credentials }), headers: { 'content-type': 'application/json' } } : {}) })
}

export function listFailures(id: string, after: number, signal?: AbortSignal): Promise<{ failures: Failure[]; truncated: boolean }> {
  return daemonJson('GET', at(id, '/failures'), { query: { max: '100', ...(after ? { after: String(after) } : {}) }, signal })
}

const POLL_MS = 2000
const wait = (ms: number, signal: AbortSignal) =>
  new Promise<void>((resolve) => {
    const timer = window.setTimeout(resolve, ms)
    signal.addEventListener('abort', () => {
      window.clearTimeout(timer)
      resolve()
    })
  })

/** The job now and whenever something changes, until it has ended or signal fires: by its event stream; where that
 * breaks off (a proxy that gathers answers) by asking again. */
export async function watchJob(id: string, signal: AbortSignal, onJob: (job: Job) => void): Promise<void> {
  for (;;) {
    const job = await getJob(id, signal)
    onJob(job)
    if (!isActive(job) || signal.aborted) return
    try {
      const response = await signedFetch({ method: 'GET', path: at(id, '/events'), signal })
      for await (const event of eventsOf(response)) {
        if (signal.aborted) return
        onJob(JSON.parse(event.data) as Job)
        if (event.name === 'end') return
      }
    } catch (thrown) {
      if (signal.aborted) return
      if (!(thrown instanceof Error)) throw thrown
    }
    await wait(POLL_MS, signal)
    if (signal.aborted) return
  }
}

/* ---- words ---- */

export const reasons: Record<string, string> = {
  Requested: 'It was paused, and goes on when it is resumed.',
  PrincipalGone: 'Who made the job is deleted or has no active access key. Resume it as somebody else.',
  SessionExpired: 'The session that made the job is over. Resume it to go on with yours.',
  DiskFull: 'The disk of the server is full. It goes on by itself when there is room.',
  SourceUnavailable: 'The source does not answer. It is tried again every minute.',
  SourceNotAllowed: 'The settings of the server do not allow this endpoint (remote_endpoints).',
  SourceNotFound: 'There is no such bucket or object at the source.',
  SourceDenied: 'The source refuses it. Is the bucket public, and are the keys right?',
  SourceNonsense: 'The source answered what no S3 server answers.',
  SourceChanged: 'The object was changed while it was copied, three times in a row.',
  ChecksumMismatch: 'What came is not what the source says it is. Nothing was stored.',
  Exists: 'Something else is there already.',
  KeyInvalid: 'The new key is longer than 1024 bytes, or empty.',
  DestinationGone: 'The destination\'s bucket was deleted.',
  SecretsGone: 'The credentials of the source cannot be read any more.',
  Internal: 'The server failed; its log says more.',
  AccessDenied: 'The destination\'s policies or zone do not allow the write.',
  ObjectAlreadyExists: 'The zone is write-once, and the key has another object.',
  QuotaExceeded: 'The zone of the destination is full.',
}

export const place = (bucket: string, prefix: string): string => `s3://${bucket}/${prefix}`

/** What of the whole is settled, 0 to 1; undefined while it is still being counted. */
export function portionOf(job: Job): number | undefined {
  if (job.state === 'done') return 1
  if (!job.total.complete && job.total.objects === 0) return undefined
  const { copied_objects, skipped_objects, duplicate_objects, failed_objects, copied_bytes, skipped_bytes, received_bytes } = job.progress
  if (job.total.bytes > 0 && !job.dry_run) return Math.min(1, Math.max(copied_bytes + skipped_bytes, Math.min(received_bytes + skipped_bytes, job.total.bytes)) / job.total.bytes)
  return job.total.objects > 0 ? Math.min(1, (copied_objects + skipped_objects + duplicate_objects + failed_objects) / job.total.objects) : undefined
}
