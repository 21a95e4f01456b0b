import { describe, expect, it } from 'vitest'
import { partSize, partsOf } from './parts'
import { contentType } from './types'

describe('parts', () => {
  it('cover the file, each once, below the limit of S3', () => {
    for (const size of [8 * 1024 * 1024 + 1, 100_000_000, 5 * 1024 ** 4]) {
      const parts = partsOf(size)
      expect(parts.length).toBeLessThanOrEqual(10_000)
      expect(parts[0]?.from).toBe(0)
      expect(parts.at(-1)?.to).toBe(size)
      expect(parts.every((part, i) => part.number === i + 1 && (i === 0 || part.from === parts[i - 1]?.to))).toBe(true)
      expect(partSize(size)).toBeGreaterThanOrEqual(5 * 1024 * 1024)
    }
  })
  it('has types for what browsers do not know', () => {
    expect(contentType({ name: 'a.PARQUET', type: '' })).toBe('application/vnd.apache.parquet')
    expect(contentType({ name: 'a.b', type: 'text/x' })).toBe('text/x')
    expect(contentType({ name: 'none', type: '' })).toBe('application/octet-stream')
  })
})
