/* Going on with an upload that was begun before, in this page or another: what the store has of it is compared with
 * the file, part by part, by MD5; so nothing has to be remembered here, and a file that changed is noticed. */
import { ListMultipartUploadsCommand, ListPartsCommand } from '@aws-sdk/client-s3'
import { Md5 } from '@smithy/core/checksum'
import { send } from '../s3/client'
import { decodeListed } from '../s3/objects'
import { partsOf } from './parts'

export interface Begun {
  uploadId: string
  /** number → ETag of what is there and equal */
  parts: Map<number, string>
}

async function md5Hex(blob: Blob): Promise<string> {
  const hash = new Md5()
  hash.update(new Uint8Array(await blob.arrayBuffer()))
  return [...(await hash.digest())].map((byte) => byte.toString(16).padStart(2, '0')).join('')
}

async function newestUpload(bucket: string, key: string, signal: AbortSignal): Promise<string | undefined> {
  const answer = await send(new ListMultipartUploadsCommand({ Bucket: bucket, Prefix: key, EncodingType: 'url' }), { abortSignal: signal })
  const ours = (answer.Uploads ?? []).filter((upload) => decodeListed(upload.Key) === key)
  return ours.sort((a, b) => (b.Initiated?.getTime() ?? 0) - (a.Initiated?.getTime() ?? 0))[0]?.UploadId
}

/** undefined: there is none that fits, or it may not be looked for. onBytes: bytes compared so far. */
export async function findBegun(bucket: string, key: string, file: File, onBytes: (count: number) => void, signal: AbortSignal): Promise<Begun | undefined> {
  let uploadId: string | undefined
  const found = new Map<number, { etag: string; size: number }>()
  try {
    uploadId = await newestUpload(bucket, key, signal)
    if (!uploadId) return undefined
    let marker: string | undefined
    do {
      const answer = await send(new ListPartsCommand({ Bucket: bucket, Key: key, UploadId: uploadId, PartNumberMarker: marker }), { abortSignal: signal })
      for (const part of answer.Parts ?? []) found.set(part.PartNumber ?? 0, { etag: (part.ETag ?? '').replaceAll('"', ''), size: part.Size ?? 0 })
      marker = answer.IsTruncated ? answer.NextPartNumberMarker : undefined
    } while (marker)
  } catch (thrown) {
    if (signal.aborted) throw thrown
    return undefined
  }
  if (found.size === 0) return undefined
  const parts = new Map<number, string>()
  let compared = 0
  for (const part of partsOf(file.size)) {
    const there = found.get(part.number)
    if (!there) continue
    if (there.size !== part.to - part.from || (await md5Hex(file.slice(part.from, part.to))) !== there.etag) return undefined
    if (signal.aborted) throw new DOMException('Cancelled', 'AbortError')
    parts.set(part.number, `"${there.etag}"`)
    onBytes((compared += there.size))
  }
  return { uploadId, parts }
}
