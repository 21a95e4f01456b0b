/* What is in an object, read by ranges as far as it is needed. */
import { useEffect, useMemo, useState } from 'preact/hooks'
import type { ObjectFacts } from '../s3/objects'
import { Button, format, Load, Note, useLoad } from '../ui'
import { lazyPart } from '../ui/lazy'
import { visible } from '../ui/format'
import { parseCsv } from './csv'
import { imageType, kindOf, looksBinary, type Kind } from './kinds'
import { piecesOf } from './pieces'
import './previews.css'
import { READ_MAX, RangeReader } from './reader'

const Parquet = lazyPart(() => import('./parquet'))

/** The first look; "Show more" goes on from there. */
const FIRST_BYTES = 256 * 1024
const JSON_MAX = 2 * 1024 * 1024
const ROWS_MAX = 500
const COLUMNS_MAX = 100
const CELL_MAX = 400

export interface PreviewProps {
  bucket: string
  objectKey: string
  versionId?: string
  facts: ObjectFacts
}

export default function Preview({ bucket, objectKey, versionId, facts }: PreviewProps) {
  const [asText, setAsText] = useState(false)
  const reader = useMemo(() => {
    const controller = new AbortController()
    return { reader: new RangeReader({ bucket, key: objectKey, versionId, etag: facts.etag, size: facts.size }, controller.signal), controller }
  }, [bucket, objectKey, versionId, facts])
  useEffect(() => () => reader.controller.abort(), [reader])
  const kind: Kind = asText ? 'text' : kindOf(objectKey, facts.type)
  if (facts.size === 0) return <p class="muted">It is empty.</p>
  if (/^(gzip|br|zstd|deflate|compress)$/i.test(facts.headers.find(([name]) => name === 'content-encoding')?.[1] ?? '') && kind !== 'image')
    return <Note>It is stored compressed; download it to see what is in it.</Note>
  const props = { reader: reader.reader, objectKey, type: facts.type }
  if (kind === 'parquet') return <Parquet reader={reader.reader} />
  if (kind === 'image') return <Picture {...props} />
  if (kind === 'pdf') return <Pdf {...props} />
  if (kind === 'none')
    return (
      <div class="stack">
        <p class="muted">There is no preview of {visible(facts.type) || 'this type'}.</p>
        <span>
          <Button small onClick={() => setAsText(true)}>
            Show the beginning as text
          </Button>
        </span>
      </div>
    )
  return <Text {...props} kind={kind} />
}

interface PartProps {
  reader: RangeReader
  objectKey: string
  type: string
}

/* ---- text, JSON, CSV ---- */

function Text({ reader, kind }: PartProps & { kind: Kind }) {
  const [until, setUntil] = useState(Math.min(FIRST_BYTES, reader.at.size))
  const whole = kind === 'json' && reader.at.size <= JSON_MAX
  const loaded = useLoad(async () => {
    const end = whole ? reader.at.size : until
    const pieces: Uint8Array[] = []
    /* Steps double, so that what was read is not read again. */
    for (let from = 0, to = whole ? end : FIRST_BYTES; from < end; from = to, to *= 2) pieces.push(new Uint8Array(await reader.read(from, Math.min(to, end))))
    const bytes = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0))
    pieces.reduce((at, piece) => (bytes.set(piece, at), at + piece.length), 0)
    return bytes
  }, [reader, until, whole])
  const more = () => setUntil(Math.min(until * 2, reader.at.size, READ_MAX))
  return (
    <Load of={loaded}>
      {(bytes) => (
        <div class="stack">
          <TextOf bytes={bytes} kind={kind} partial={bytes.length < reader.at.size} />
          {bytes.length < reader.at.size && (
            <p class="row wrap muted">
              <span>
                The first {format.bytes(bytes.length)} of {format.bytes(reader.at.size)}.
              </span>
              {bytes.length < READ_MAX ? (
                <Button small onClick={more} busy={loaded.loading}>
                  Show more
                </Button>
              ) : (
                <span>A preview reads no more than that.</span>
              )}
            </p>
          )}
        </div>
      )}
    </Load>
  )
}

function TextOf({ bytes, kind, partial }: { bytes: Uint8Array; kind: Kind; partial: boolean }) {
  const [plain, setPlain] = useState(false)
  const text = useMemo(() => decodeText(bytes), [bytes])
  if (looksBinary(bytes) && !(bytes[0] === 0xff || bytes[0] === 0xfe)) return <Hex bytes={bytes} />
  if (kind === 'csv' && !plain)
    return (
      <>
        <Rows text={text} partial={partial} />
        <span>
          <Button small kind="link" onClick={() => setPlain(true)}>
            Show as text
          </Button>
        </span>
      </>
    )
  return (
    <pre class="source" tabIndex={0} aria-label="Content">
      {piecesOf(kind === 'json' && !partial ? pretty(text) : text).map((piece, i) => (
        <span key={i}>{piece}</span>
      ))}
    </pre>
  )
}

function decodeText(bytes: Uint8Array): string {
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return new TextDecoder('utf-16le').decode(bytes)
  if (bytes[0] === 0xfe && bytes[1] === 0xff) return new TextDecoder('utf-16be').decode(bytes)
  try {
    /* stream: what was cut in the middle of a character is left out */
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes, { stream: true })
  } catch {
    return new TextDecoder('windows-1252').decode(bytes)
  }
}

function pretty(text: string): string {
  try {
    return JSON.stringify(JSON.parse(text), null, 2)
  } catch {
    return text
  }
}

function Rows({ text, partial }: { text: string; partial: boolean }) {
  const table = useMemo(() => parseCsv(text, ROWS_MAX, COLUMNS_MAX, partial), [text, partial])
  return (
    <>
      <Grid header={table.header} rows={table.rows} label="Rows" />
      {table.cut && <p class="muted">The first {format.plural(table.rows.length, 'row')}.</p>}
    </>
  )
}

/** A table of texts, each cut to what a cell holds. */
export function Grid({ header, rows, label }: { header: string[]; rows: string[][]; label: string }) {
  const cell = (text: string) => (text.length > CELL_MAX ? `${text.slice(0, CELL_MAX)}…` : text)
  return (
    <div class="grid-wrap" tabIndex={0} role="region" aria-label={label}>
      <table class="table data-grid">
        <thead>
          <tr>
            <th scope="col" class="num">
              #
            </th>
            {header.map((name, i) => (
              <th key={i} scope="col">
                {visible(cell(name))}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row, i) => (
            <tr key={i}>
              <td class="num muted">{i + 1}</td>
              {row.map((value, j) => (
                <td key={j} title={value.length > 40 ? cell(value) : undefined}>
                  {visible(cell(value))}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}

const HEX_BYTES = 2048

function Hex({ bytes }: { bytes: Uint8Array }) {
  const lines: string[] = []
  for (let at = 0; at < Math.min(bytes.length, HEX_BYTES); at += 16) {
    const line = bytes.subarray(at, at + 16)
    const hex = [...line].map((byte) => byte.toString(16).padStart(2, '0')).join(' ')
    const text = [...line].map((byte) => (byte >= 32 && byte < 127 ? String.fromCharCode(byte) : '.')).join('')
    lines.push(`${at.toString(16).padStart(6, '0')}  ${hex.padEnd(47)}  ${text}`)
  }
  return (
    <pre class="source" tabIndex={0} aria-label="Content in hexadecimal">
      {lines.join('\n')}
    </pre>
  )
}

/* ---- images, PDF: a blob of a type that is chosen here ---- */

function useBlob(reader: RangeReader, type: string) {
  const loaded = useLoad(async () => URL.createObjectURL(new Blob([await reader.read(0, reader.at.size)], { type })), [reader, type])
  useEffect(() => () => void (loaded.value && URL.revokeObjectURL(loaded.value)), [loaded.value])
  return loaded
}

function Picture({ reader, objectKey, type }: PartProps) {
  const loaded = useBlob(reader, imageType(objectKey, type))
  const [broken, setBroken] = useState(false)
  if (broken) return <Note tone="warn">It is no image that this browser can show.</Note>
  return <Load of={loaded}>{(url) => <img class="picture" src={url} alt={`Preview of ${visible(objectKey)}`} onError={() => setBroken(true)} />}</Load>
}

function Pdf({ reader, objectKey }: PartProps) {
  const loaded = useBlob(reader, 'application/pdf')
  return (
    <Load of={loaded}>
      {(url) => <iframe class="pdf" src={url} title={`Preview of ${visible(objectKey)}`} />}
    </Load>
  )
}
