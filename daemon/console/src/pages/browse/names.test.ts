import { describe, expect, it } from 'vitest'
import { baseName, crumbs, fileName, folderOf, nameIn } from './names'

describe('names of keys', () => {
  it('splits prefixes, empty segments included', () => {
    expect(crumbs('')).toEqual([])
    expect(crumbs('a/b/')).toEqual([['a/', 'a'], ['a/b/', 'b']])
    expect(crumbs('//')).toEqual([['/', '/'], ['//', '/']])
    expect(crumbs('../.')).toEqual([['../', '..'], ['../.', '.']])
  })
  it('shows what cannot be seen', () => {
    expect(nameIn('a/', 'a/b\u202egnp.exe')).toBe('b\\u202egnp.exe')
    expect(nameIn('a/', 'a/x\ny')).toBe('x\\x0ay')
    expect(nameIn('a/', 'a/')).toBe('(the folder itself)')
  })
  it('makes file names that cannot leave their folder', () => {
    expect(fileName('a/..')).toBe('_')
    expect(fileName('a/b\\c')).toBe('b_c')
    expect(fileName('/')).toBe('download')
    expect(fileName('a/\u202eexe.png')).toBe('_exe.png')
  })
  it('knows folder and last part', () => {
    expect(folderOf('a/b/c')).toBe('a/b/')
    expect(folderOf('c')).toBe('')
    expect(baseName('a/b/')).toBe('b')
    expect(baseName('//')).toBe('')
  })
})
