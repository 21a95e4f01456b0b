/* Uploads: a queue of files, of which some are under way, and of these four requests at once. They live as long as
 * the page, whatever it shows. */
import { AbortMultipartUploadCommand, CompleteMultipartUploadCommand, CreateMultipartUploadCommand } from '@aws-sdk/client-s3'
import { signal, type Signal } from '@preact/signals'
import { dockOpen } from '../dock-state'
import { send } from '../s3/client'
import { ApiError, asApiError } from '../s3/errors'
import { headObject } from '../s3/objects'
import { session } from '../s3/session'
import { partsOf, SINGLE_MAX, type Part } from './parts'
import { findBegun } from './resume'
import { sendBody } from './send'
import { contentType } from './types'

export type UploadState = 'waiting' | 'running' | 'paused' | 'exists' | 'done' | 'failed' | 'cancelled'

export interface Upload {
  id: number
  file: File
  bucket: string
  key: string
  state: Signal<UploadState>
  sent: Signal<number>
  /** what goes on, in a word */
  note: Signal<string>
  error: Signal<ApiError | null>
  overwrite: boolean
  controller: AbortController
  uploadId?: string
  parts: Map<number, string>
}

const REQUESTS_MAX = 4
const UPLOADS_MAX = 4
const TRIES_MAX = 5
const RETRY_MS = 500

export const uploads = signal<Upload[]>([])
/** the last object that was written, for lists that show it */
export const changed = signal<{ bucket: string; key: string; turn: number } | null>(null)
let nextId = 1
let turns = 0

export interface Totals {
  count: number
  done: number
  failed: number
  /** exist already, and wait for an answer */
  asks: number
  running: boolean
  paused: boolean
  bytes: number
  sent: number
}

const NOTHING: Totals = { count: 0, done: 0, failed: 0, asks: 0, running: false, paused: false, bytes: 0, sent: 0 }
export const totals = signal<Totals>(NOTHING)
const TOTALS_MS = 100
let counting = 0

/** Counted anew a few times a second at most: there may be 100,000 files, and each tells of its bytes. */
function touch(): void {
  counting ||= window.setTimeout(() => {
    counting = 0
    const sum = { ...NOTHING }
    for (const upload of uploads.value) {
      const state = upload.state.value
      sum.count++
      sum.bytes += upload.file.size
      sum.sent += state === 'done' ? upload.file.size : upload.sent.value
      if (state === 'done') sum.done++
      else if (state === 'failed') sum.failed++
      else if (state === 'exists') sum.asks++
      else if (state === 'paused') sum.paused = true
      else sum.running = true
    }
    totals.value = sum
  }, TOTALS_MS)
}

function setState(upload: Upload, state: UploadState): void {
  upload.state.value = state
  touch()
}

function setSent(upload: Upload, bytes: number): void {
  upload.sent.value = bytes
  touch()
}

/* ---- four requests at once ---- */

let free = REQUESTS_MAX
const line: (() => void)[] = []

async function withSlot<T>(run: () => Promise<T>): Promise<T> {
  if (free > 0) free--
  else await new Promise<void>((resolve) => line.push(resolve))
  try {
    return await run()
  } finally {
    const next = line.shift()
    if (next) next()
    else free++
  }
}

function isTransient(error: ApiError): boolean {
  return error.code === 'NetworkError' || error.status >= 500 || error.code === 'SlowDown' || error.code === 'RequestTimeout'
}

async function pauseFor(ms: number, abort: AbortSignal): Promise<void> {
  await new Promise<void>((resolve) => {
    const timer = window.setTimeout(resolve, ms)
    abort.addEventListener('abort', () => (window.clearTimeout(timer), resolve()), { once: true })
  })
}

/** abort: of the run that this belongs to; a pause and a resume make another one. */
async function retried<T>(upload: Upload, abort: AbortSignal, run: () => Promise<T>): Promise<T> {
  for (let turn = 1; ; turn++)
    try {
      return await withSlot(run)
    } catch (thrown) {
      const error = asApiError(thrown)
      if (abort.aborted || turn >= TRIES_MAX || !isTransient(error)) throw error
      upload.note.value = `trying again (${error.message})`
      await pauseFor(RETRY_MS * 2 ** (turn - 1), abort)
      upload.note.value = ''
    }
}

/* ---- one upload ---- */

async function sendWhole(upload: Upload, abort: AbortSignal): Promise<void> {
  const { bucket, key, file } = upload
  const headers: Record<string, string> = { 'content-type': contentType(file) }
  if (!upload.overwrite) headers['if-none-match'] = '*'
  await retried(upload, abort, () => sendBody({ method: 'PUT', bucket, key, headers }, file, (bytes) => setSent(upload, bytes), abort))
}

async function sendPart(upload: Upload, part: Part, progress: Map<number, number>, abort: AbortSignal): Promise<void> {
  const { bucket, key, file } = upload
  const count = (bytes: number) => {
    progress.set(part.number, bytes)
    setSent(upload, Math.min(file.size, [...progress.values()].reduce((sum, value) => sum + value, 0)))
  }
  const query = { partNumber: String(part.number), uploadId: upload.uploadId as string }
  const sent = await retried(upload, abort, () => sendBody({ method: 'PUT', bucket, key, query }, file.slice(part.from, part.to), count, abort))
  upload.parts.set(part.number, sent.etag)
  count(part.to - part.from)
}

/** The id of an upload: begun in this page, found in the store, or new. */
async function begin(upload: Upload, abort: AbortSignal): Promise<void> {
  const { bucket, key, file } = upload
  if (upload.uploadId) return
  if (!upload.overwrite)
    await headObject(bucket, key, undefined, abort).then(
      () => {
        throw new ApiError('PreconditionFailed', 'There is such an object', 412)
      },
      () => undefined,
    )
  upload.note.value = 'looking for what is there of it'
  const begun = await findBegun(bucket, key, file, (bytes) => setSent(upload, bytes), abort)
  upload.note.value = begun ? `going on after ${begun.parts.size} parts` : ''
  if (begun) {
    upload.uploadId = begun.uploadId
    upload.parts = begun.parts
    return
  }
  setSent(upload, 0)
  const made = await send(new CreateMultipartUploadCommand({ Bucket: bucket, Key: key, ContentType: contentType(file) }), { abortSignal: abort })
  upload.uploadId = made.UploadId
}

async function sendParts(upload: Upload, abort: AbortSignal): Promise<void> {
  const { bucket, key, file } = upload
  await begin(upload, abort)
  const all = partsOf(file.size)
  const progress = new Map(all.filter((part) => upload.parts.has(part.number)).map((part) => [part.number, part.to - part.from]))
  const waiting = all.filter((part) => !upload.parts.has(part.number))
  const work = async () => {
    for (let part = waiting.shift(); part; part = waiting.shift()) await sendPart(upload, part, progress, abort)
  }
  try {
    await Promise.all(Array.from({ length: REQUESTS_MAX }, work))
  } catch (thrown) {
    waiting.length = 0
    throw thrown
  }
  setSent(upload, file.size)
  upload.note.value = 'putting the parts together'
  const parts = all.map((part) => ({ PartNumber: part.number, ETag: upload.parts.get(part.number) }))
  await send(
    new CompleteMultipartUploadCommand({ Bucket: bucket, Key: key, UploadId: upload.uploadId, MultipartUpload: { Parts: parts }, IfNoneMatch: upload.overwrite ? undefined : '*' }),
    { abortSignal: abort },
  )
}

async function run(upload: Upload): Promise<void> {
  upload.controller = new AbortController()
  setState(upload, 'running')
  upload.error.value = null
  const { controller } = upload
  try {
    await (upload.file.size > SINGLE_MAX ? sendParts : sendWhole)(upload, controller.signal)
    upload.note.value = ''
    setState(upload, 'done')
    changed.value = { bucket: upload.bucket, key: upload.key, turn: ++turns }
  } catch (thrown) {
    upload.note.value = ''
    if (controller.signal.aborted) return
    controller.abort()
    const error = asApiError(thrown)
    if (error.code === 'NoSuchUpload') {
      upload.uploadId = undefined
      upload.parts = new Map()
    }
    upload.error.value = error
    setState(upload, error.code === 'PreconditionFailed' && !upload.overwrite ? 'exists' : 'failed')
  } finally {
    running--
    pump()
  }
}

/** those that wait, in their order; some may have been paused or cancelled since */
let queue: Upload[] = []
let running = 0

function enqueue(some: Upload[]): void {
  for (const upload of some) setState(upload, 'waiting')
  queue = queue.concat(some)
  pump()
}

function pump(): void {
  let at = 0
  for (; at < queue.length && running < UPLOADS_MAX; at++) {
    const upload = queue[at] as Upload
    if (upload.state.value !== 'waiting') continue
    running++
    void run(upload)
  }
  if (at > 0) queue = queue.slice(at)
}

/* ---- what can be asked of them ---- */

export function startUploads(files: { file: File; key: string }[], bucket: string): void {
  const added = files.map(
    ({ file, key }): Upload => ({
      id: nextId++,
      file,
      bucket,
      key,
      state: signal<UploadState>('waiting'),
      sent: signal(0),
      note: signal(''),
      error: signal<ApiError | null>(null),
      overwrite: false,
      controller: new AbortController(),
      parts: new Map(),
    }),
  )
  uploads.value = [...uploads.value, ...added]
  dockOpen.value = true
  enqueue(added)
}

export function pauseUpload(upload: Upload): void {
  if (upload.state.value !== 'running' && upload.state.value !== 'waiting') return
  setState(upload, 'paused')
  upload.controller.abort()
  if (upload.file.size <= SINGLE_MAX) setSent(upload, 0)
}

export function resumeUpload(upload: Upload): void {
  if (upload.state.value !== 'paused' && upload.state.value !== 'failed') return
  enqueue([upload])
}

export function overwriteUpload(upload: Upload): void {
  upload.overwrite = true
  enqueue([upload])
}

function giveUp(upload: Upload): void {
  const { bucket, key, uploadId } = upload
  setState(upload, 'cancelled')
  upload.controller.abort()
  /* The parts that are there would take space for nothing. */
  if (uploadId && session.value) send(new AbortMultipartUploadCommand({ Bucket: bucket, Key: key, UploadId: uploadId })).catch(() => undefined)
}

export function cancelUpload(upload: Upload): void {
  giveUp(upload)
  uploads.value = uploads.value.filter((other) => other !== upload)
  touch()
}

export function clearFinished(): void {
  uploads.value = uploads.value.filter((upload) => !['done', 'cancelled'].includes(upload.state.value))
  touch()
}

const of = (...states: UploadState[]) => uploads.value.filter((upload) => states.includes(upload.state.value))

export function pauseAll(): void {
  of('waiting', 'running').forEach(pauseUpload)
}
export function resumeAll(): void {
  enqueue(of('paused'))
}
export function retryFailed(): void {
  enqueue(of('failed'))
}
export function overwriteAll(): void {
  const all = of('exists')
  for (const upload of all) upload.overwrite = true
  enqueue(all)
}
export function cancelAll(): void {
  const all = new Set(of('waiting', 'running', 'paused', 'exists', 'failed'))
  all.forEach(giveUp)
  uploads.value = uploads.value.filter((upload) => !all.has(upload))
  touch()
}

/* Without keys nothing can go on; after the next login it can be resumed, if it is the same person. */
let principal = ''
session.subscribe((now) => {
  if (!now) pauseAll()
  else if (principal && principal !== now.arn) uploads.value = []
  if (now) principal = now.arn
})

if (typeof window !== 'undefined')
  window.addEventListener('beforeunload', (event) => {
    if (totals.value.running) event.preventDefault()
  })
