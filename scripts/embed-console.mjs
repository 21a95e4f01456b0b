/* Writes a C file that embeds a folder of static files, each as it is and, where that is smaller, compressed.
 * usage: node scripts/embed-console.mjs FOLDER OUT    OUT/console_files.c, and OUT/gzip/ with what it includes */
import { createHash } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { extname, join, resolve } from 'node:path'
import { gzipSync } from 'node:zlib'

const TYPES = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.json': 'application/json',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.ico': 'image/x-icon',
  '.woff2': 'font/woff2',
  '.wasm': 'application/wasm',
  '.txt': 'text/plain; charset=utf-8',
}

const [folder, out] = process.argv.slice(2).map((path) => resolve(path))
const names = readdirSync(folder, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile())
  .map((entry) => join(entry.parentPath ?? entry.path, entry.name).slice(folder.length + 1))
  .filter((name) => !name.startsWith('.'))
  .sort()
rmSync(join(out, 'gzip'), { recursive: true, force: true })
mkdirSync(join(out, 'gzip'))

const quoted = (text) => JSON.stringify(text)
const bytes = (label, path) =>
  [
    '.section .rodata',
    '.balign 16',
    `${label}: .incbin ${quoted(path)}`,
    `${label}_end: .byte 0`,
    '.previous',
  ].map((line) => `        ${quoted(line + '\n')}`).join('\n')

const blobs = []
const rows = names.map((name, index) => {
  const type = TYPES[extname(name)]
  if (type === undefined) throw new Error(`${name}: embed-console.mjs knows no content type for it`)
  const content = readFileSync(join(folder, name))
  const gzip = gzipSync(content, { level: 9 })
  const hash = createHash('sha256').update(content).digest('hex').slice(0, 32)
  const small = gzip.length < content.length
  const compressed = join(out, 'gzip', `${index}.gz`)
  if (small) writeFileSync(compressed, gzip)
  blobs.push([`console_${index}`, join(folder, name), content.length])
  if (small) blobs.push([`console_${index}_gzip`, compressed, gzip.length])
  return [
    `    {.path = SPAN(${quoted(name)}),`,
    `        .type = SPAN(${quoted(type)}),`,
    `        .etag = SPAN(${quoted(`W/"${hash}"`)}),`,
    `        .immutable = ${/^assets\/.*-[\w-]{8}\.\w+$/.test(name)},`,
    `        .content = {console_${index}, ${content.length}},`,
    small ? `        .gzip = {console_${index}_gzip, ${gzip.length}}},` : '        .gzip = {0}},',
  ].join('\n')
})

writeFileSync(
  join(out, 'console_files.c'),
  `/* Made by scripts/embed-console.mjs. */
#include "daemon/console_files.h"

${blobs.map(([label, path]) => `__asm__(\n${bytes(label, path)});`).join('\n')}

${blobs.map(([label, , length]) => `extern const char ${label}[${length + 1}];`).join('\n')}

const struct console_file console_files[] = {
${rows.join('\n')}
};
const size_t console_file_count = sizeof(console_files) / sizeof(*console_files);
`,
)
