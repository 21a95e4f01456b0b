import { describe, expect, it } from 'vitest'
import { delimiterOf, parseCsv } from './csv'
import { imageType, kindOf, looksBinary } from './kinds'
import { READ_MAX, RangeReader } from './reader'

describe('csv', () => {
  it('knows quotes, empty fields and line ends', () => {
    expect(parseCsv('a,b\r\n1,"x, ""y""\nz"\r\n,\n', 10, 10)).toEqual({ header: ['a', 'b'], rows: [['1', 'x, "y"\nz'], ['', '']], cut: false })
  })
  it('finds what is between fields', () => {
    expect(delimiterOf('"a,b";c;d\n')).toBe(';')
    expect(delimiterOf('a\tb')).toBe('\t')
    expect(delimiterOf('one')).toBe(',')
  })
  it('leaves out a row that is cut off, and what is too much', () => {
    expect(parseCsv('a,b\n1,2\n3,', 10, 10, true)).toEqual({ header: ['a', 'b'], rows: [['1', '2']], cut: true })
    expect(parseCsv('a\n1\n2\n3\n', 2, 10)).toEqual({ header: ['a'], rows: [['1'], ['2']], cut: true })
    expect(parseCsv('a,b,c\n1,2,3\n', 10, 2).rows).toEqual([['1', '2']])
    expect(parseCsv('a,b\n1,', 10, 10).rows).toEqual([['1', '']])
  })
})

describe('kinds', () => {
  it('show what could act as its source', () => {
    expect(kindOf('a.html', 'text/html')).toBe('text')
    expect(kindOf('a.svg', 'image/svg+xml')).toBe('text')
    expect(kindOf('a.png', 'image/svg+xml')).toBe('text')
    expect(kindOf('a.xhtml', 'application/xhtml+xml')).toBe('text')
    expect(imageType('a.png', 'text/html')).toBe('image/png')
    expect(imageType('a.html', 'image/svg+xml')).toBe('')
  })
  it('go by name and type', () => {
    expect(kindOf('x/a.parquet', 'application/octet-stream')).toBe('parquet')
    expect(kindOf('a', 'text/csv; charset=utf-8')).toBe('csv')
    expect(kindOf('a.csv.gz', 'text/csv')).toBe('csv')
    expect(kindOf('a.pdf', '')).toBe('pdf')
    expect(kindOf('a.bin', 'application/octet-stream')).toBe('none')
    expect(looksBinary(new Uint8Array([65, 0, 66]))).toBe(true)
    expect(looksBinary(new TextEncoder().encode('ä text\n'))).toBe(false)
  })
})

describe('a reader', () => {
  it('reads no more than it may, and nothing twice', async () => {
    const asked: string[] = []
    const reader = new RangeReader({ bucket: 'b', key: 'k', etag: '', size: 100 * 1024 * 1024 }, undefined, async (_, from, to) => {
      asked.push(`${from}-${to}`)
      return new ArrayBuffer(to - from)
    })
    await reader.read(0, 1000)
    await reader.read(0, 1000)
    expect(asked).toEqual(['0-1000'])
    await expect(reader.read(1000, 1000 + READ_MAX)).rejects.toThrow('16 MiB')
    await reader.read(1000, READ_MAX)
    expect(reader.left).toBe(0)
  })
})
