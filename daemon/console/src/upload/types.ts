/* Content types by name, for files of which the browser knows none. */
const TYPES: Record<string, string> = {
  csv: 'text/csv',
  tsv: 'text/tab-separated-values',
  json: 'application/json',
  jsonl: 'application/x-ndjson',
  ndjson: 'application/x-ndjson',
  parquet: 'application/vnd.apache.parquet',
  avro: 'application/vnd.apache.avro',
  orc: 'application/octet-stream',
  md: 'text/markdown',
  yaml: 'application/yaml',
  yml: 'application/yaml',
  sql: 'application/sql',
  log: 'text/plain',
  gz: 'application/gzip',
  zst: 'application/zstd',
}

export function contentType(file: { name: string; type: string }): string {
  if (file.type) return file.type
  const ending = file.name.slice(file.name.lastIndexOf('.') + 1).toLowerCase()
  return TYPES[ending] ?? 'application/octet-stream'
}
