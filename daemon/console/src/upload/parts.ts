/* How a file is cut into parts. */
export interface Part {
  number: number
  from: number
  to: number
}

/** Up to here a file is one request. */
export const SINGLE_MAX = 8 * 1024 * 1024
const PARTS_MAX = 9000
const MIB = 1024 * 1024

/** 8 MiB, or as much as keeps the number of parts below S3's 10,000. */
export function partSize(size: number): number {
  return Math.max(SINGLE_MAX, Math.ceil(size / PARTS_MAX / MIB) * MIB)
}

export function partsOf(size: number, length = partSize(size)): Part[] {
  const parts: Part[] = []
  for (let from = 0; from < size; from += length) parts.push({ number: parts.length + 1, from, to: Math.min(size, from + length) })
  return parts
}
