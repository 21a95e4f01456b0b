import { describe, expect, it } from 'vitest'
import type { Entry } from '../../s3/objects'
import { AS_STORED, nextSort, sorted } from './sort'

const entry = (key: string, size: number, at: number, kind: Entry['kind'] = 'object'): Entry => ({ kind, key, size, etag: '', modified: new Date(at) })
const list = [entry('f/', 0, 0, 'folder'), entry('g/', 0, 0, 'folder'), entry('a', 3, 1), entry('b', 1, 3), entry('c', 3, 2)]
const keys = (entries: Entry[]) => entries.map(({ key }) => key).join(' ')

describe('the order of a list', () => {
  it('is the store\'s at first', () => expect(sorted(list, AS_STORED)).toBe(list))
  it('has folders first, whatever it goes by', () => {
    expect(keys(sorted(list, { by: 'name', down: true }))).toBe('g/ f/ c b a')
    expect(keys(sorted(list, { by: 'size', down: true }))).toBe('f/ g/ a c b')
    expect(keys(sorted(list, { by: 'time', down: false }))).toBe('f/ g/ a c b')
    expect(keys(list)).toBe('f/ g/ a b c')
  })
  it('turns around at the second click', () => {
    expect(nextSort(AS_STORED, 'size')).toEqual({ by: 'size', down: true })
    expect(nextSort({ by: 'size', down: true }, 'size')).toEqual({ by: 'size', down: false })
    expect(nextSort({ by: 'size', down: true }, 'name')).toEqual(AS_STORED)
  })
})
