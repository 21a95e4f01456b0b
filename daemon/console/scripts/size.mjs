/* What the first page costs: index.html and all that it loads before anybody clicks, gzipped. The first page is the
 * login and, for who is logged in, the list of buckets. Fails over the limit. usage: size.mjs [DIST] */
import { readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'

const LIMIT_BYTES = 200 * 1024
const dist = process.argv[2] ?? join(dirname(fileURLToPath(import.meta.url)), '../../../build/console/dist')

const seen = new Map()
function add(file) {
  if (seen.has(file)) return
  const content = readFileSync(join(dist, file))
  seen.set(file, gzipSync(content, { level: 9 }).length)
  const text = content.toString()
  if (file.endsWith('.html')) for (const [, at] of text.matchAll(/(?:src|href)="\.\/([^"]+)"/g)) add(at)
  if (file.endsWith('.js'))
    for (const [, at] of text.matchAll(/(?:\bfrom|\bimport)\s*["']\.\/([^"']+)["']/g)) add(normalize(join(dirname(file), at)))
}
add('index.html')
/* The page that opens after the login, and what it imports. */
const manifest = JSON.parse(readFileSync(join(dist, '.vite/manifest.json'), 'utf8'))
const chunk = (name) => {
  const entry = manifest[name]
  if (!entry) throw new Error(`size: no ${name} in the manifest`)
  add(entry.file)
  for (const css of entry.css ?? []) add(css)
  for (const other of entry.imports ?? []) chunk(other)
}
chunk('src/pages/buckets.tsx')

let total = 0
for (const [file, bytes] of seen) {
  total += bytes
  console.log(`${String(bytes).padStart(8)}  ${file}`)
}
console.log(`${String(total).padStart(8)}  first page, gzipped; at most ${LIMIT_BYTES}`)
process.exit(total > LIMIT_BYTES ? 1 : 0)
