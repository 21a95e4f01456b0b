import { describe, expect, it } from 'vitest'
import { encode, signedPath, wirePath } from './path'

const through = (path: string) => new URL(`http://host${wirePath(path)}`).pathname
const decoded = (path: string) => decodeURIComponent(through(path))

describe('paths', () => {
  it('encodes all but the unreserved characters', () => {
    expect(encode("aZ09-._~ !'()*+?#%/ä")).toBe('aZ09-._~%20%21%27%28%29%2A%2B%3F%23%25%2F%C3%A4')
  })
  it('keeps empty segments', () => {
    expect(signedPath('', 'lake', 'a//b/')).toBe('/lake/a//b/')
    expect(signedPath('/p', 'lake')).toBe('/p/lake')
    expect(signedPath('')).toBe('/')
  })
  const keys = ['.', '..', 'a/..', '../a', 'a/../b', './/..', '//', '/', '/../', '%2e%2e', '%2F', 'a/./b', '...', '.a/..b', '?#+', '\u0001\n\t\\', '😀/\u202egnp.exe', '/.']
  for (const key of keys)
    it(`brings ${JSON.stringify(key)} through a URL parser`, () => {
      for (const prefix of ['', '/some/where']) {
        expect(decoded(signedPath(prefix, 'lake', key))).toBe(`${prefix}/lake/${key}`)
      }
    })
})
