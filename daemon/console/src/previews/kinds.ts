/* What an object is shown as, by its content type and its name. What could act (HTML, SVG, XML, scripts) is shown as
 * its source. */
export type Kind = 'parquet' | 'csv' | 'json' | 'text' | 'image' | 'pdf' | 'none'

const IMAGES: Record<string, string> = { png: 'image/png', jpg: 'image/jpeg', jpeg: 'image/jpeg', gif: 'image/gif', webp: 'image/webp', avif: 'image/avif', bmp: 'image/bmp', ico: 'image/x-icon' }
const TEXTS = /^(txt|md|log|html?|svg|xml|ya?ml|toml|ini|conf|cfg|sql|py|js|mjs|ts|tsx|jsx|css|c|h|cc|cpp|hpp|java|go|rs|rb|r|sh|bash|scala|kt|tex|rst|jsonl|ndjson|env|properties|gitignore|dockerfile|makefile|_success|crc)$/i
const ARCHIVES = /^(gz|zip|zst|bz2|xz|7z|tar|tgz|jar|whl)$/i

export function endingOf(key: string): string {
  const name = key.slice(key.lastIndexOf('/') + 1)
  return name.slice(name.lastIndexOf('.') + 1).toLowerCase()
}

/** The type that an image is shown as: of a short list, never what the object says of itself. */
export function imageType(key: string, type: string): string {
  const plain = type.split(';')[0]?.trim().toLowerCase() ?? ''
  return Object.values(IMAGES).includes(plain) ? plain : (IMAGES[endingOf(key)] ?? '')
}

export function kindOf(key: string, contentType: string): Kind {
  const type = contentType.split(';')[0]?.trim().toLowerCase() ?? ''
  const ending = endingOf(key)
  if (ending === 'parquet' || type === 'application/vnd.apache.parquet') return 'parquet'
  if (ending === 'csv' || ending === 'tsv' || type === 'text/csv' || type === 'text/tab-separated-values') return 'csv'
  if (ending === 'svg' || type === 'image/svg+xml') return 'text'
  if (ARCHIVES.test(ending)) return 'none'
  if (imageType(key, type)) return 'image'
  if (ending === 'pdf' || type === 'application/pdf') return 'pdf'
  if (ending === 'json' || ending === 'geojson' || type === 'application/json' || type.endsWith('+json')) return 'json'
  if (type.startsWith('text/') || type.endsWith('+xml') || TEXTS.test(ending)) return 'text'
  return /^(application\/(xml|yaml|sql|x-ndjson|javascript|x-sh|toml))$/.test(type) ? 'text' : 'none'
}

/** Bytes that are no text: a NUL, or many that no encoding has. */
export function looksBinary(bytes: Uint8Array): boolean {
  const some = bytes.subarray(0, 4096)
  let odd = 0
  for (const byte of some) {
    if (byte === 0) return true
    if (byte < 9 || (byte > 13 && byte < 32)) odd++
  }
  return odd > some.length / 20
}
