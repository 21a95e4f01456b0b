import { expect, it } from 'vitest'
import { empty, newKey, parseSize, splitSource, wantedOf } from './form'

it('splits a source', () => {
  expect(splitSource('s3://public-data/2024/a b?.csv')).toEqual({ bucket: 'public-data', prefix: '2024/a b?.csv' })
  expect(splitSource(' public-data ')).toEqual({ bucket: 'public-data', prefix: '' })
  expect(splitSource('s3:///x')).toBeUndefined()
  expect(splitSource('')).toBeUndefined()
})

it('reads sizes', () => {
  expect(['0', '10 MiB', '1.5k', '5GB', '7 x', '', '-1', '1e3'].map(parseSize)).toEqual([0, 10485760, 1536, 5e9, undefined, undefined, undefined, undefined])
})

it('says where keys go, as docs/BULK-COPY.md does', () => {
  expect(newKey('2024/', 'raw/', '2024/01/x.csv')).toBe('raw/01/x.csv')
  expect(newKey('2024', 'raw/', '2024/01/x.csv')).toBe('raw/2024/01/x.csv')
  expect(newKey('2024/01/x.csv', 'raw/', '2024/01/x.csv')).toBe('raw/x.csv')
})

it('makes the job of what is typed, and leaves out what is not', () => {
  const { wanted, problems } = wantedOf({ ...empty, source: 's3://public-data/2024/', bucket: 'mine', prefix: 'raw/' }, true)
  expect(problems).toEqual({})
  expect(JSON.parse(JSON.stringify(wanted))).toEqual({
    source: { bucket: 'public-data', prefix: '2024/' },
    destination: { bucket: 'mine', prefix: 'raw/' },
    filters: {},
    exists: 'skip',
    limits: {},
    dry_run: true,
  })
  const full = wantedOf(
    { ...empty, kind: 'other', source: 'x', endpoint: 'https://s3.example.org/', region: 'eu-west-1', signed: true, accessKey: 'A', secretKey: 'B', bucket: 'mine', include: '*.csv\n\n*.json', exclude: ' tmp/* ', minBytes: '1 KiB', since: '2026-01-02', rate: '10 MiB', atOnce: '8', totalObjects: '5' },
    false,
  )
  expect(full.problems).toEqual({})
  expect(JSON.parse(JSON.stringify(full.wanted))).toMatchObject({
    source: { bucket: 'x', endpoint: 'https://s3.example.org', region: 'eu-west-1', credentials: { access_key: 'A', secret_key: 'B' } },
    filters: { include: ['*.csv', '*.json'], exclude: ['tmp/*'], min_bytes: 1024, modified_since: '2026-01-02T00:00:00Z' },
    limits: { objects_at_once: 8, bytes_per_second: 10485760, total_objects: 5 },
  })
})

it('says what is missing or is no number', () => {
  expect(Object.keys(wantedOf({ ...empty, kind: 'other', endpoint: 'ftp://x', signed: true, atOnce: 'many', rate: 'fast', since: 'x' }, false).problems).sort()).toEqual([
    'accessKey', 'atOnce', 'bucket', 'endpoint', 'rate', 'secretKey', 'since', 'source',
  ])
})

it('sends no keys to this very gateway', () => {
  const { wanted } = wantedOf({ ...empty, kind: 'local', source: 'a', bucket: 'b', signed: false, accessKey: 'A', secretKey: 'B' }, false)
  expect(wanted.source).toEqual({ bucket: 'a', prefix: '', endpoint: 'local' })
})
