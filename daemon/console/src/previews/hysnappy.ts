/* Stands in for the package of this name (vite.config.ts): it compiles WebAssembly when it is imported, which the
 * page's policy forbids. hyparquet has Snappy in JavaScript. */
import { snappyUncompress as uncompress } from 'hyparquet'

export function snappyUncompress(input: Uint8Array, length: number): Uint8Array {
  const output = new Uint8Array(length)
  uncompress(input, output)
  return output
}

export function snappyUncompressor(): typeof snappyUncompress {
  return snappyUncompress
}
