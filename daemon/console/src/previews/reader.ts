/* Reads ranges of one object, of one version of it, and never more than READ_MAX bytes: a look must not cost what a
 * download does. */
import { ApiError } from '../s3/errors'
import { readRange } from '../s3/objects'

export const READ_MAX = 16 * 1024 * 1024

export interface Place {
  bucket: string
  key: string
  versionId?: string
  etag: string
  size: number
}

export class RangeReader {
  used = 0
  readonly #ranges = new Map<string, Promise<ArrayBuffer>>()
  constructor(
    readonly at: Place,
    readonly signal?: AbortSignal,
    readonly fetchRange = readRange,
  ) {}

  get left(): number {
    return READ_MAX - this.used
  }

  /** from (included) to (excluded), cut at the object's end. The same range again costs nothing. */
  read(from: number, to: number): Promise<ArrayBuffer> {
    const start = Math.max(0, from)
    const end = Math.min(to, this.at.size)
    const name = `${start}-${end}`
    const known = this.#ranges.get(name)
    if (known) return known
    if (end - start > this.left) return Promise.reject(new ApiError('PreviewTooLarge', 'A preview reads 16 MiB at most, and this needs more', 0))
    this.used += Math.max(0, end - start)
    const read = this.fetchRange(this.at, start, end, this.signal)
    this.#ranges.set(name, read)
    return read
  }
}
