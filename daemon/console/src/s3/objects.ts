/* Objects: listing, looking, deleting, copying. Keys are always the real ones: listings are asked for URL-encoded
 * names, since XML cannot carry control characters, and decoded here. */
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CopyObjectCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  DeleteObjectTaggingCommand,
  GetObjectTaggingCommand,
  ListObjectsV2Command,
  ListObjectVersionsCommand,
  PutObjectCommand,
  PutObjectTaggingCommand,
  UploadPartCopyCommand,
} from '@aws-sdk/client-s3'
import { send } from './client'
import { ApiError } from './errors'
import { lakegateJson, signedFetch } from './fetch'
import { signedPath } from './path'

export interface Entry {
  kind: 'folder' | 'object' | 'marker'
  key: string
  size: number
  modified?: Date
  etag: string
  /** of listings of versions only */
  versionId?: string
  latest?: boolean
}

export interface ListingPage {
  entries: Entry[]
  /** where the next page begins; absent: it was the last */
  next?: { token?: string; keyMarker?: string; versionMarker?: string }
}

export interface ListingAsk {
  bucket: string
  prefix: string
  /** '' lists everything below the prefix */
  delimiter: string
  versions?: boolean
  at?: ListingPage['next']
  max?: number
  signal?: AbortSignal
}

export function decodeListed(text: string | undefined): string {
  return decodeURIComponent((text ?? '').replaceAll('+', ' '))
}

function inOrder(entries: Entry[]): Entry[] {
  return entries.sort((a, b) => (a.kind === 'folder' || b.kind === 'folder' ? Number(b.kind === 'folder') - Number(a.kind === 'folder') || (a.key < b.key ? -1 : 1) : 0))
}

export async function listPage(ask: ListingAsk): Promise<ListingPage> {
  return ask.versions ? listVersions(ask) : listObjects(ask)
}

async function listObjects({ bucket, prefix, delimiter, at, max, signal }: ListingAsk): Promise<ListingPage> {
  const answer = await send(
    new ListObjectsV2Command({ Bucket: bucket, Prefix: prefix, Delimiter: delimiter || undefined, ContinuationToken: at?.token, MaxKeys: max, EncodingType: 'url' }),
    { abortSignal: signal },
  )
  const entries: Entry[] = []
  for (const folder of answer.CommonPrefixes ?? []) entries.push({ kind: 'folder', key: decodeListed(folder.Prefix), size: 0, etag: '' })
  for (const object of answer.Contents ?? [])
    entries.push({ kind: 'object', key: decodeListed(object.Key), size: object.Size ?? 0, modified: object.LastModified, etag: object.ETag ?? '' })
  return { entries: inOrder(entries), next: answer.IsTruncated ? { token: answer.NextContinuationToken } : undefined }
}

async function listVersions({ bucket, prefix, delimiter, at, max, signal }: ListingAsk): Promise<ListingPage> {
  const answer = await send(
    new ListObjectVersionsCommand({ Bucket: bucket, Prefix: prefix, Delimiter: delimiter || undefined, KeyMarker: at?.keyMarker, VersionIdMarker: at?.versionMarker, MaxKeys: max, EncodingType: 'url' }),
    { abortSignal: signal },
  )
  const folders: Entry[] = (answer.CommonPrefixes ?? []).map((folder) => ({ kind: 'folder', key: decodeListed(folder.Prefix), size: 0, etag: '' }))
  const versions: Entry[] = (answer.Versions ?? []).map((version) => ({
    kind: 'object',
    key: decodeListed(version.Key),
    size: version.Size ?? 0,
    modified: version.LastModified,
    etag: version.ETag ?? '',
    versionId: version.VersionId,
    latest: version.IsLatest,
  }))
  const markers: Entry[] = (answer.DeleteMarkers ?? []).map((marker) => ({
    kind: 'marker',
    key: decodeListed(marker.Key),
    size: 0,
    modified: marker.LastModified,
    etag: '',
    versionId: marker.VersionId,
    latest: marker.IsLatest,
  }))
  /* The SDK hands versions and markers out apart; by key, the newest first, is how they came. */
  const mixed = [...versions, ...markers].sort((a, b) =>
    a.key !== b.key ? (a.key < b.key ? -1 : 1) : Number(b.latest) - Number(a.latest) || (b.modified?.getTime() ?? 0) - (a.modified?.getTime() ?? 0),
  )
  return {
    entries: [...folders, ...mixed],
    next: answer.IsTruncated ? { keyMarker: decodeListed(answer.NextKeyMarker), versionMarker: answer.NextVersionIdMarker } : undefined,
  }
}

/** All entries below a prefix, page by page. */
export async function* walk(bucket: string, prefix: string, options: { versions?: boolean; signal?: AbortSignal } = {}): AsyncGenerator<Entry[]> {
  let at: ListingPage['next']
  do {
    const page: ListingPage = await listPage({ bucket, prefix, delimiter: '', at, ...options })
    yield page.entries
    at = page.next
  } while (at)
}

/** Are there versions or delete markers at all? False too for who may not list them. */
export async function hasVersions(bucket: string, signal?: AbortSignal): Promise<boolean> {
  try {
    const answer = await send(new ListObjectVersionsCommand({ Bucket: bucket, MaxKeys: 100, EncodingType: 'url' }), { abortSignal: signal })
    return (answer.DeleteMarkers ?? []).length > 0 || (answer.Versions ?? []).some((version) => version.VersionId !== 'null' || !version.IsLatest)
  } catch {
    return false
  }
}

/* ---- one object ---- */

export interface ObjectFacts {
  size: number
  type: string
  etag: string
  modified: string
  versionId: string
  storageClass: string
  zone: string
  /** the key of the object whose bytes it repeats */
  duplicateOf: string
  metadata: [string, string][]
  checksums: [string, string][]
  headers: [string, string][]
}

/** Header values are bytes; browsers hand them out as Latin-1. */
export function headerText(value: string): string {
  if (!/[\u0080-\u00ff]/.test(value)) return value
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(Uint8Array.from(value, (c) => c.charCodeAt(0)))
  } catch {
    return value
  }
}

/** The key (behind its bucket, if it is there) of x-lakegate-duplicate-of. */
export function duplicateKey(header: string, bucket: string): string {
  if (!header) return ''
  let text = header
  try {
    text = decodeURIComponent(header)
  } catch {
    /* as it is */
  }
  text = text.replace(/^\//, '')
  return text.startsWith(`${bucket}/`) ? text.slice(bucket.length + 1) : text
}

const KEPT = ['cache-control', 'content-disposition', 'content-encoding', 'content-language', 'expires', 'x-amz-object-lock-mode', 'x-amz-object-lock-retain-until-date', 'x-amz-object-lock-legal-hold']

export async function headObject(bucket: string, key: string, versionId?: string, signal?: AbortSignal): Promise<ObjectFacts> {
  const { headers } = await signedFetch({
    method: 'HEAD',
    bucket,
    key,
    query: versionId ? { versionId } : {},
    headers: { 'x-amz-checksum-mode': 'ENABLED' },
    signal,
  }).catch((thrown) => {
    if (thrown instanceof ApiError && thrown.code === 'HTTP 404') throw new ApiError('NoSuchKey', 'The object is not there', 404)
    throw thrown
  })
  const facts: ObjectFacts = {
    size: Number(headers.get('content-length') ?? 0),
    type: headers.get('content-type') ?? '',
    etag: headers.get('etag') ?? '',
    modified: headers.get('last-modified') ?? '',
    versionId: headers.get('x-amz-version-id') ?? '',
    storageClass: headers.get('x-amz-storage-class') ?? 'STANDARD',
    zone: headers.get('x-lakegate-zone') ?? '',
    duplicateOf: duplicateKey(headers.get('x-lakegate-duplicate-of') ?? '', bucket),
    metadata: [],
    checksums: [],
    headers: [],
  }
  headers.forEach((value, name) => {
    if (name.startsWith('x-amz-meta-')) facts.metadata.push([name.slice('x-amz-meta-'.length), headerText(value)])
    else if (name.startsWith('x-amz-checksum-')) facts.checksums.push([name.slice('x-amz-checksum-'.length), value])
    else if (KEPT.includes(name)) facts.headers.push([name, headerText(value)])
  })
  return facts
}

export async function objectTags(bucket: string, key: string, versionId?: string, signal?: AbortSignal): Promise<[string, string][]> {
  const answer = await send(new GetObjectTaggingCommand({ Bucket: bucket, Key: key, VersionId: versionId }), { abortSignal: signal })
  return (answer.TagSet ?? []).map((tag) => [tag.Key ?? '', tag.Value ?? ''])
}

/** All tags that it shall have; others go. */
export async function putObjectTags({ bucket, key, versionId }: Place, tags: [string, string][]): Promise<void> {
  const of = { Bucket: bucket, Key: key, VersionId: versionId }
  if (tags.length === 0) await send(new DeleteObjectTaggingCommand(of))
  else await send(new PutObjectTaggingCommand({ ...of, Tagging: { TagSet: tags.map(([Key, Value]) => ({ Key, Value })) } }))
}

export interface LineageEdge {
  Id: number
  Of: number
  Level: number
  Kind?: string
  At?: string
  By?: string
  Bucket?: string
  Key?: string
  VersionId?: string
  ETag?: string
  Zone?: string
  Gone?: boolean
  Hidden?: boolean
}
export interface Lineage {
  Sources: LineageEdge[]
  Derived: LineageEdge[]
  IsTruncated?: boolean
}

export function lineage(bucket: string, key: string, versionId?: string, signal?: AbortSignal): Promise<Lineage> {
  return lakegateJson('lakegate-lineage', { bucket, key, query: versionId ? { versionId } : {}, signal })
}

/** Bytes from (included) to (excluded). */
export async function readRange(
  at: { bucket: string; key: string; versionId?: string; etag?: string },
  from: number,
  to: number,
  signal?: AbortSignal,
): Promise<ArrayBuffer> {
  if (to <= from) return new ArrayBuffer(0)
  const headers: Record<string, string> = { range: `bytes=${from}-${to - 1}` }
  if (at.etag) headers['if-match'] = at.etag
  const answer = await signedFetch({ method: 'GET', bucket: at.bucket, key: at.key, query: at.versionId ? { versionId: at.versionId } : {}, headers, signal })
  return answer.arrayBuffer()
}

/* ---- changes ---- */

export async function createFolder(bucket: string, key: string): Promise<void> {
  await send(new PutObjectCommand({ Bucket: bucket, Key: key, Body: '', IfNoneMatch: '*' }))
}

export interface Refused {
  key: string
  code: string
  message: string
}

const BATCH = 1000
/** XML cannot carry these, so their keys are deleted one by one. */
const NOT_IN_XML = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff\r]/

/** Deletes what is named; what was refused comes back, the rest is gone. etag: only if it still is that content. */
export async function deleteKeys(bucket: string, keys: { key: string; versionId?: string; etag?: string }[], onDone: (count: number) => void, signal?: AbortSignal): Promise<Refused[]> {
  const refused: Refused[] = []
  const apart = keys.filter(({ key }) => NOT_IN_XML.test(key))
  const together = keys.filter(({ key }) => !NOT_IN_XML.test(key))
  for (let at = 0; at < together.length; at += BATCH) {
    const batch = together.slice(at, at + BATCH)
    const answer = await send(
      new DeleteObjectsCommand({ Bucket: bucket, Delete: { Quiet: true, Objects: batch.map(({ key, versionId, etag }) => ({ Key: key, VersionId: versionId, ETag: versionId ? undefined : etag || undefined })) } }),
      { abortSignal: signal },
    )
    for (const error of answer.Errors ?? []) refused.push({ key: error.Key ?? '', code: error.Code ?? '', message: error.Message ?? '' })
    onDone(batch.length)
  }
  for (const { key, versionId, etag } of apart) {
    try {
      await send(new DeleteObjectCommand({ Bucket: bucket, Key: key, VersionId: versionId, IfMatch: versionId ? undefined : etag || undefined }), { abortSignal: signal })
    } catch (thrown) {
      const error = thrown as ApiError
      if (error.code === 'Cancelled') throw error
      refused.push({ key, code: error.code, message: error.message })
    }
    onDone(1)
  }
  return refused
}

const COPY_MAX = 5 * 1024 ** 3
const COPY_PART = 1024 ** 3

export interface Place {
  bucket: string
  key: string
  versionId?: string
}

export interface CopyOptions {
  size: number
  /** of the source: the copy is refused when it is another one now */
  etag?: string
  /** else what is there already refuses it */
  overwrite: boolean
  signal?: AbortSignal
}

/** A copy inside of the store: no byte moves through the browser. */
export async function copyObject(from: Place, to: Place, { size, etag, overwrite, signal }: CopyOptions): Promise<void> {
  const IfNoneMatch = overwrite ? undefined : '*'
  const source = signedPath('', from.bucket, from.key).slice(1) + (from.versionId ? `?versionId=${from.versionId}` : '')
  if (size <= COPY_MAX) {
    await send(new CopyObjectCommand({ Bucket: to.bucket, Key: to.key, CopySource: source, CopySourceIfMatch: etag || undefined, IfNoneMatch }), { abortSignal: signal })
    return
  }
  const facts = await headObject(from.bucket, from.key, from.versionId, signal)
  const { UploadId } = await send(
    new CreateMultipartUploadCommand({ Bucket: to.bucket, Key: to.key, ContentType: facts.type, Metadata: Object.fromEntries(facts.metadata) }),
    { abortSignal: signal },
  )
  try {
    const parts: { PartNumber: number; ETag?: string }[] = []
    for (let at = 0; at < size; at += COPY_PART) {
      const number = parts.length + 1
      const answer = await send(
        new UploadPartCopyCommand({
          Bucket: to.bucket,
          Key: to.key,
          UploadId,
          PartNumber: number,
          CopySource: source,
          CopySourceRange: `bytes=${at}-${Math.min(size, at + COPY_PART) - 1}`,
          CopySourceIfMatch: facts.etag,
        }),
        { abortSignal: signal },
      )
      parts.push({ PartNumber: number, ETag: answer.CopyPartResult?.ETag })
    }
    await send(new CompleteMultipartUploadCommand({ Bucket: to.bucket, Key: to.key, UploadId, MultipartUpload: { Parts: parts }, IfNoneMatch }), { abortSignal: signal })
  } catch (thrown) {
    await send(new AbortMultipartUploadCommand({ Bucket: to.bucket, Key: to.key, UploadId })).catch(() => undefined)
    throw thrown
  }
}
