import { describe, expect, it } from 'vitest'
import { tagProblems } from './tag-rules'

const tagsProblem = (tags: [string, string][]) => tagProblems(tags).join('')

describe('tags of an object', () => {
  it('are what the server takes', () => {
    expect(tagsProblem([])).toBe('')
    expect(tagsProblem([['cost center', 'a+b-c=d._:/@'], ['größe', '日本'], ['empty', '']])).toBe('')
    expect(tagsProblem([['n'.repeat(128), 'v'.repeat(256)]])).toBe('')
    expect(tagsProblem([['Case', '1'], ['case', '2']])).toBe('')
  })
  it('and nothing else', () => {
    expect(tagsProblem([['', 'x']])).toMatch('needs a name')
    expect(tagsProblem([['n'.repeat(129), '']])).toMatch('at most 128')
    expect(tagsProblem([['n', 'v'.repeat(257)]])).toMatch('a value 256')
    expect(tagsProblem([['<b>', '']])).toMatch('may not have')
    expect(tagsProblem([['n', 'a\nb']])).toMatch('may not have')
    expect(tagsProblem([['n', '😀']])).toMatch('may not have')
    expect(tagsProblem([['AWS:x', '']])).toMatch('own')
    expect(tagsProblem([['a', '1'], ['a', '2']])).toMatch('twice')
    expect(tagsProblem(Array.from({ length: 11 }, (_, i) => [`t${i}`, '']))).toMatch('at most 10')
  })
})
