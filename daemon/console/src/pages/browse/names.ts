/* Keys as people see them. */
import { visible } from '../../ui/format'

/** What a key is called inside of a prefix. */
export function nameIn(prefix: string, key: string): string {
  const rest = key.slice(prefix.length)
  if (rest === '') return '(the folder itself)'
  return visible(rest)
}

/** "a/b/" → [["a/", "a"], ["a/b/", "b"]]; an empty segment has no name but its slash */
export function crumbs(prefix: string): [string, string][] {
  const found: [string, string][] = []
  let at = 0
  while (at < prefix.length) {
    const slash = prefix.indexOf('/', at)
    const end = slash < 0 ? prefix.length : slash + 1
    const name = prefix.slice(at, slash < 0 ? end : slash)
    found.push([prefix.slice(0, end), name === '' ? '/' : visible(name)])
    at = end
  }
  return found
}

/** The folder that a key lies in. */
export function folderOf(key: string): string {
  return key.slice(0, key.lastIndexOf('/') + 1)
}

/** The last part of a key or of a folder's prefix. */
export function baseName(key: string): string {
  const inner = key.endsWith('/') ? key.slice(0, -1) : key
  return inner.slice(inner.lastIndexOf('/') + 1)
}

/** A file name for a download: no path, nothing that file systems refuse. */
export function fileName(key: string): string {
  const name = baseName(key)
    .replace(/[\u0000-\u001f\u007f\\/:*?"<>|\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, '_')
    .replace(/^\.+$/, '_')
  return name || 'download'
}

const TYPES: [RegExp, 'image' | 'table'][] = [
  [/\.(png|jpe?g|gif|webp|avif|bmp|svg|tiff?)$/i, 'image'],
  [/\.(csv|tsv|parquet|orc|avro|xlsx?)$/i, 'table'],
]
export function iconOf(key: string): 'image' | 'table' | 'file' {
  return TYPES.find(([names]) => names.test(key))?.[1] ?? 'file'
}
