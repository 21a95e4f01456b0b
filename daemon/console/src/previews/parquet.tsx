/* Parquet: its schema, its row groups, its first rows. The footer is read first; of the rows only the columns that
 * fit into what a preview may read. */
import { type ColumnChunk, type FileMetaData, type RowGroup, parquetMetadataAsync, parquetReadObjects, parquetSchema, type SchemaTree } from 'hyparquet'
import { compressors } from 'hyparquet-compressors'
import { useMemo, useState } from 'preact/hooks'
import { format, Load, Note, Table, Tabs, useLoad, type Column } from '../ui'
import { visible } from '../ui/format'
import { Grid } from './preview'
import type { RangeReader } from './reader'

const ROWS_MAX = 50
const COLUMNS_MAX = 60
const FOOTER_FIRST = 64 * 1024

/** A page says how large it will be; one that lies must not take the tab with it. */
const PAGE_MAX = 128 * 1024 * 1024

function bounded(decompress: (input: Uint8Array, length: number) => Uint8Array) {
  return (input: Uint8Array, length: number) => {
    if (length > PAGE_MAX) throw new Error('A page of this file is larger than a preview unpacks')
    return decompress(input, length)
  }
}

const codecs = Object.fromEntries(
  Object.entries(compressors).map(([name, decompress]) => [name, bounded(decompress as (input: Uint8Array, length: number) => Uint8Array)]),
)

function fileOf(reader: RangeReader) {
  return { byteLength: reader.at.size, slice: (from: number, to?: number) => reader.read(from < 0 ? reader.at.size + from : from, to ?? reader.at.size) }
}

const top = (chunk: ColumnChunk) => chunk.meta_data?.path_in_schema[0] ?? ''

/** The columns of the first row group, from the left, that may be read. */
export function columnsThatFit(metadata: FileMetaData, bytes: number): { columns: string[]; left: string[] } {
  const sizes = new Map<string, number>()
  for (const chunk of metadata.row_groups[0]?.columns ?? []) sizes.set(top(chunk), (sizes.get(top(chunk)) ?? 0) + Number(chunk.meta_data?.total_compressed_size ?? 0))
  const columns: string[] = []
  const left: string[] = []
  let used = 0
  for (const [name, size] of sizes) {
    /* Readers take some more than the chunk, for its page header. */
    if (columns.length < COLUMNS_MAX && used + size + 1024 <= bytes) {
      columns.push(name)
      used += size + 1024
    } else left.push(name)
  }
  return { columns, left }
}

export default function Parquet({ reader }: { reader: RangeReader }) {
  const metadata = useLoad(() => parquetMetadataAsync(fileOf(reader), { initialFetchSize: Math.min(FOOTER_FIRST, reader.at.size) }), [reader])
  return <Load of={metadata}>{(value) => <Parts reader={reader} metadata={value} />}</Load>
}

type Tab = 'rows' | 'schema' | 'groups'

function Parts({ reader, metadata }: { reader: RangeReader; metadata: FileMetaData }) {
  const [tab, setTab] = useState<Tab>('rows')
  const columns = metadata.row_groups[0]?.columns.length ?? 0
  return (
    <div class="stack">
      <p class="muted" data-testid="parquet-summary">
        {format.plural(Number(metadata.num_rows), 'row')}, {format.plural(columns, 'column')}, {format.plural(metadata.row_groups.length, 'row group')}
        {metadata.created_by && <> · {visible(metadata.created_by)}</>}
      </p>
      <Tabs
        label="Parquet"
        value={tab}
        onChange={setTab}
        tabs={[
          { id: 'rows', label: 'First rows' },
          { id: 'schema', label: 'Schema' },
          { id: 'groups', label: 'Row groups' },
        ]}
      />
      {tab === 'rows' && <FirstRows reader={reader} metadata={metadata} />}
      {tab === 'schema' && <Schema metadata={metadata} />}
      {tab === 'groups' && <Groups metadata={metadata} />}
    </div>
  )
}

function show(value: unknown): string {
  if (value === null || value === undefined) return ''
  if (value instanceof Date) return value.toISOString()
  if (value instanceof Uint8Array) return `0x${[...value.subarray(0, 64)].map((byte) => byte.toString(16).padStart(2, '0')).join('')}${value.length > 64 ? '…' : ''}`
  if (typeof value === 'object') return JSON.stringify(value, (_, inner) => (typeof inner === 'bigint' ? String(inner) : inner instanceof Uint8Array ? show(inner) : inner))
  return String(value)
}

function FirstRows({ reader, metadata }: { reader: RangeReader; metadata: FileMetaData }) {
  const fit = useMemo(() => columnsThatFit(metadata, reader.left), [metadata])
  const rows = useLoad(
    () => (fit.columns.length === 0 || Number(metadata.num_rows) === 0 ? Promise.resolve([]) : parquetReadObjects({ file: fileOf(reader), metadata, columns: fit.columns, rowStart: 0, rowEnd: Math.min(ROWS_MAX, Number(metadata.num_rows)), compressors: codecs, geoparquet: false })),
    [reader, metadata],
  )
  return (
    <>
      {fit.left.length > 0 && (
        <Note>
          Left out, since a preview reads 16 MiB at most: {fit.left.slice(0, 20).map(visible).join(', ')}
          {fit.left.length > 20 && ` and ${fit.left.length - 20} more`}
        </Note>
      )}
      <Load of={rows}>{(list) => <Grid label="First rows" header={fit.columns} rows={list.map((row) => fit.columns.map((name) => show(row[name])))} />}</Load>
    </>
  )
}

interface SchemaRow {
  depth: number
  name: string
  type: string
  repetition: string
}

function flatten(tree: SchemaTree, depth = 0): SchemaRow[] {
  return tree.children.flatMap((child) => {
    const { element } = child
    const logical = element.logical_type?.type ?? element.converted_type ?? ''
    return [{ depth, name: element.name, type: [element.type, logical].filter(Boolean).join(' · ') || 'group', repetition: (element.repetition_type ?? '').toLowerCase() }, ...flatten(child, depth + 1)]
  })
}

function Schema({ metadata }: { metadata: FileMetaData }) {
  const rows = useMemo(() => flatten(parquetSchema(metadata)), [metadata])
  return (
    <div class="grid-wrap" tabIndex={0} role="region" aria-label="Schema">
      <table class="table data-grid">
        <thead>
          <tr>
            <th scope="col">Column</th>
            <th scope="col">Type</th>
            <th scope="col">Nullable</th>
          </tr>
        </thead>
        <tbody>
          {rows.map((row, i) => (
            <tr key={i}>
              <td class="mono">
                {'\u00a0\u00a0'.repeat(row.depth)}
                {visible(row.name)}
              </td>
              <td>{row.type}</td>
              <td class="muted">{row.repetition}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}

const GROUPS_MAX = 200

function Groups({ metadata }: { metadata: FileMetaData }) {
  const chunks = (group: RowGroup) => group.columns.map((column) => column.meta_data)
  const columns: Column<RowGroup>[] = [
    { label: '#', num: true, class: 'muted', cell: (_, index) => index + 1 },
    { label: 'Rows', num: true, cell: (group) => format.count(Number(group.num_rows)) },
    { label: 'Compressed', num: true, cell: (group) => format.bytes(chunks(group).reduce((sum, chunk) => sum + Number(chunk?.total_compressed_size ?? 0), 0)) },
    { label: 'Bytes', num: true, cell: (group) => format.bytes(Number(group.total_byte_size)) },
    { label: 'Codecs', cell: (group) => [...new Set(chunks(group).map((chunk) => chunk?.codec ?? ''))].join(', ') },
  ]
  return (
    <div class="grid-wrap" tabIndex={0} role="region" aria-label="Row groups">
      <Table class="data-grid" rows={metadata.row_groups.slice(0, GROUPS_MAX)} keyOf={(_, index) => index} columns={columns} />
      {metadata.row_groups.length > GROUPS_MAX && <p class="muted">The first {GROUPS_MAX} of {format.count(metadata.row_groups.length)}.</p>}
    </div>
  )
}
