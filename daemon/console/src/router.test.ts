import { describe, expect, it } from 'vitest'
import { href, parseRoute } from './router'

describe('routes', () => {
  it('brings every odd key through', () => {
    for (const key of ['a b+c', '//', '..', '%2F', '?#&=', '\u0000\u0001\n\t', 'ä😀\u202e', '"<script>\''])
      expect(parseRoute(href('browse', { bucket: 'lake', key }))).toEqual({ page: 'browse', params: { bucket: 'lake', key } })
  })
  it('leaves out what is empty', () => {
    expect(href('browse', { bucket: 'a', prefix: '', key: undefined })).toBe('#/browse?bucket=a')
    expect(href('buckets')).toBe('#/buckets')
    expect(parseRoute('')).toEqual({ page: '', params: {} })
  })
})
