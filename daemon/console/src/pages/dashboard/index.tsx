/* The dashboard: requests, errors, bytes, latency, commits, disk, zones. */
import { useEffect, useMemo, useState } from 'preact/hooks'
import { colours, TimeChart, type Data } from '../../charts'
import { href } from '../../router'
import { daemonJson, signedFetch } from '../../s3/fetch'
import { session } from '../../s3/session'
import { Bar, Button, ErrorView, format, Spinner, Tabs } from '../../ui'
import { stageOf, ZoneBadge } from '../bucket-badges'
import './dashboard.css'
import { append, none, slice, type Answer, type History } from './history'
import { parseMetrics, sum, type Scrape } from './prometheus'

const ASK_MS = 10_000

interface Seen {
  scrape: Scrape
  history: History
}

/** Kept while the console is open, whatever page is shown. */
let kept: Seen | undefined
let keptOf = ''

async function look(signal: AbortSignal): Promise<Seen> {
  /* Another login may be another daemon, or may see less. */
  if (keptOf !== session.value?.accessKeyId) kept = undefined
  keptOf = session.value?.accessKeyId ?? ''
  const before = kept?.history ?? none
  const [metrics, answer] = await Promise.all([
    signedFetch({ method: 'GET', path: '/-/metrics', signal }).then((response) => response.text()),
    daemonJson<Answer>('GET', '/-/metrics/history', { query: { since: String(before.times.at(-1) ?? 0) }, signal }),
  ])
  kept = { scrape: parseMetrics(metrics), history: append(before, answer) }
  return kept
}

function useMetrics() {
  const [seen, setSeen] = useState<Seen | undefined>(undefined)
  const [error, setError] = useState<unknown>(null)
  const [turn, setTurn] = useState(0)
  useEffect(() => {
    const controller = new AbortController()
    let timer: number | undefined
    const ask = async () => {
      try {
        setSeen(await look(controller.signal))
        setError(null)
      } catch (thrown) {
        if (!controller.signal.aborted) setError(thrown)
      }
      if (!controller.signal.aborted) timer = window.setTimeout(() => void ask(), ASK_MS)
    }
    void ask()
    return () => {
      controller.abort()
      window.clearTimeout(timer)
    }
  }, [turn])
  return { seen, error, again: () => setTurn((before) => before + 1) }
}

const perSecond = (value: number) => `${value >= 100 ? format.count(Math.round(value)) : Number(value.toPrecision(value < 1 ? 2 : 3))}/s`
const bytesPerSecond = (value: number) => `${format.bytes(value)}/s`
const seconds = (value: number) => (value < 0.001 ? `${Math.round(value * 1e6)} µs` : value < 1 ? `${Number((value * 1000).toPrecision(3))} ms` : `${Number(value.toPrecision(3))} s`)

interface ChartOf {
  title: string
  unit: (value: number) => string
  bytes?: boolean
  /** counted in the interval: shown by the second */
  counted?: boolean
  scale?: number
  lines: [label: string, column: string][]
}

const charts: ChartOf[] = [
  { title: 'Requests', unit: perSecond, counted: true, lines: [['reads', 'reads'], ['writes', 'writes'], ['lists', 'lists'], ['deletes', 'deletes'], ['others', 'others']] },
  { title: 'Errors', unit: perSecond, counted: true, lines: [['refused (4xx)', 'errors_4xx'], ['failed (5xx)', 'errors_5xx']] },
  { title: 'Bytes', unit: bytesPerSecond, bytes: true, counted: true, lines: [['received', 'bytes_in'], ['sent', 'bytes_out']] },
  { title: 'Time a request takes', unit: seconds, scale: 1e-6, lines: [['half of them less than', 'p50_us'], ['99 % less than', 'p99_us']] },
  { title: 'Commits', unit: perSecond, counted: true, lines: [['commits', 'commits'], ['changes in them', 'changes']] },
  { title: 'Connections', unit: (value) => format.count(Number(value.toFixed(1))), lines: [['open', 'connections']] },
  { title: 'Free on the disk', unit: format.bytes, bytes: true, lines: [['free', 'disk_free_bytes']] },
  { title: 'Memory', unit: format.bytes, bytes: true, lines: [['resident', 'rss_bytes']] },
]

const ranges = [
  { id: '15', label: '15 minutes' },
  { id: '60', label: '1 hour' },
  { id: '360', label: '6 hours' },
  { id: '1440', label: '24 hours' },
] as const

function Chart({ of, history, range }: { of: ChartOf; history: History; range: number }) {
  const data: Data = useMemo(() => {
    const { times, column } = slice(history, range)
    const scale = (of.scale ?? 1) / (of.counted ? history.intervalS : 1)
    const lines = of.lines.map(([label, name], index) => ({ label, colour: colours[index] as string, values: column(name, scale) }))
    return { times, lines, spanS: range }
  }, [history, of, range])
  return (
    <section class="card" aria-label={of.title}>
      <div class="card-body stack">
        <h2>{of.title}</h2>
        <TimeChart label={of.title} data={data} unit={of.unit} bytes={of.bytes} height={150} />
      </div>
    </section>
  )
}

function Tile({ label, value, more, portion }: { label: string; value: string; more?: string; portion?: number }) {
  return (
    <div class="card tile">
      <span class="muted">{label}</span>
      <strong>{value}</strong>
      {portion !== undefined && <Bar portion={portion} danger={portion > 0.9} label={label} />}
      <span class="muted dense">{more ?? ''}</span>
    </div>
  )
}

function Tiles({ scrape, history }: Seen) {
  const get = (name: string) => sum(scrape, name) ?? 0
  const lately = (names: string[]) => (history.times.length > 0 ? names.reduce((total, name) => total + (history.columns.get(name)?.at(-1) ?? 0), 0) : undefined)
  const rate = (names: string[], unit: (value: number) => string) => {
    const counted = lately(names)
    return counted === undefined ? '–' : unit(counted / history.intervalS)
  }
  const time = (name: string) => {
    const microseconds = lately([name])
    return microseconds ? seconds(microseconds / 1e6) : '–'
  }
  const total = get('lakegate_disk_total_bytes')
  const used = total - get('lakegate_disk_free_bytes')
  const stored = get('lakegate_segment_live_bytes') + get('lakegate_file_bytes')
  const failed = sum(scrape, 'lakegate_requests_total', ({ status }) => status === '5xx') ?? 0
  const corrupt = get('lakegate_corrupt_blocks_total')
  return (
    <div class="tiles">
      <Tile label="Requests" value={rate(['reads', 'writes', 'deletes', 'lists', 'others'], perSecond)} more={`${format.count(get('lakegate_requests_total'))} since the start`} />
      <Tile label="Failed" value={rate(['errors_5xx'], perSecond)} more={`${format.count(failed)} since the start`} />
      <Tile label="Received" value={rate(['bytes_in'], bytesPerSecond)} more={`${rate(['bytes_out'], bytesPerSecond)} sent`} />
      <Tile label="Half of the requests in less than" value={time('p50_us')} more={`99 % in ${time('p99_us')}`} />
      <Tile label="Commits" value={rate(['commits'], perSecond)} more={`${format.count(get('lakegate_commit_queue'))} changes waiting`} />
      <Tile label="Connections" value={format.count(get('lakegate_connections'))} more={`${format.count(get('lakegate_workers_busy'))} of ${format.count(get('lakegate_workers'))} workers busy`} />
      <Tile label="Disk" value={`${format.bytes(used)} of ${format.bytes(total)}`} portion={total > 0 ? used / total : 0} more={`${format.bytes(stored)} in objects`} />
      <Tile label="Saved by duplicates" value={format.bytes(get('lakegate_zone_bytes_saved_total'))} more={`${format.count(get('lakegate_zone_duplicates_found_total'))} found in zones`} />
      {corrupt > 0 && <Tile label="Damaged blocks" value={format.count(corrupt)} more="run lakegate verify" />}
    </div>
  )
}

interface ZoneRow {
  bucket: string
  zone: string
  figures: Record<string, number>
}

function zonesOf(scrape: Scrape): ZoneRow[] {
  const rows = new Map<string, ZoneRow>()
  for (const name of ['objects', 'bytes', 'duplicates_found_total', 'bytes_saved_total', 'promotions_total'])
    for (const { labels, value } of scrape.get(`lakegate_zone_${name}`) ?? []) {
      const { bucket = '', zone = '' } = labels
      const key = `${bucket}\n${zone}`
      const row = rows.get(key) ?? { bucket, zone, figures: {} }
      row.figures[name] = value
      rows.set(key, row)
    }
  return [...rows.values()].sort((a, b) => a.bucket.localeCompare(b.bucket) || stageOf(a.zone) - stageOf(b.zone) || a.zone.localeCompare(b.zone))
}

const ZONES_SHOWN = 100

function Zones({ scrape }: { scrape: Scrape }) {
  const rows = zonesOf(scrape)
  if (rows.length === 0) return null
  return (
    <section class="stack" aria-label="Zones">
      <h2>Zones</h2>
      <div class="card table-wrap">
        <table class="table" aria-label="Zones">
          <thead>
            <tr>
              <th>Bucket</th>
              <th>Zone</th>
              <th class="num">Objects</th>
              <th class="num">Bytes</th>
              <th class="num">Duplicates found</th>
              <th class="num">Saved</th>
              <th class="num">Promotions</th>
            </tr>
          </thead>
          <tbody>
            {rows.slice(0, ZONES_SHOWN).map(({ bucket, zone, figures }) => (
              <tr key={`${bucket}/${zone}`}>
                <td>
                  <a href={href('bucket', { bucket, tab: 'zones' })}>{bucket}</a>
                </td>
                <td>
                  <ZoneBadge zone={{ Name: zone }} />
                </td>
                <td class="num">{format.count(figures.objects ?? 0)}</td>
                <td class="num nowrap">{format.bytes(figures.bytes ?? 0)}</td>
                <td class="num">{format.count(figures.duplicates_found_total ?? 0)}</td>
                <td class="num nowrap">{format.bytes(figures.bytes_saved_total ?? 0)}</td>
                <td class="num">{format.count(figures.promotions_total ?? 0)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {rows.length > ZONES_SHOWN && <p class="muted">and {format.count(rows.length - ZONES_SHOWN)} more</p>}
    </section>
  )
}

function Operations({ scrape }: { scrape: Scrape }) {
  const counts = new Map<string, { all: number; refused: number; failed: number }>()
  for (const { labels, value } of scrape.get('lakegate_requests_total') ?? []) {
    const op = labels.op ?? ''
    const row = counts.get(op) ?? { all: 0, refused: 0, failed: 0 }
    row.all += value
    if (labels.status === '4xx') row.refused += value
    if (labels.status === '5xx') row.failed += value
    counts.set(op, row)
  }
  const rows = [...counts].sort(([, a], [, b]) => b.all - a.all)
  const mean = (op: string) => {
    const count = sum(scrape, 'lakegate_request_seconds_count', (labels) => labels.op === op) ?? 0
    return count > 0 ? seconds((sum(scrape, 'lakegate_request_seconds_sum', (labels) => labels.op === op) ?? 0) / count) : '–'
  }
  if (rows.length === 0) return null
  return (
    <section class="stack" aria-label="Operations">
      <h2>Operations since the start</h2>
      <div class="card table-wrap" tabIndex={0} role="region" aria-label="Table of operations">
        <table class="table" aria-label="Operations">
          <thead>
            <tr>
              <th>Operation</th>
              <th class="num">Requests</th>
              <th class="num">Refused</th>
              <th class="num">Failed</th>
              <th class="num">On average</th>
            </tr>
          </thead>
          <tbody>
            {rows.map(([op, row]) => (
              <tr key={op}>
                <td class="mono">{op === 'none' ? <span class="muted">pages of the daemon, and no operation</span> : format.visible(op)}</td>
                <td class="num">{format.count(row.all)}</td>
                <td class="num">{format.count(row.refused)}</td>
                <td class="num">{format.count(row.failed)}</td>
                <td class="num nowrap">{mean(op)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  )
}

export default function Dashboard() {
  const { seen, error, again } = useMetrics()
  const [range, setRange] = useState<(typeof ranges)[number]['id']>('60')
  const title = (
    <div class="page-head">
      <h1>Dashboard</h1>
      <Button icon="reload" kind="plain" label="Reload" onClick={again} />
    </div>
  )
  if (!seen)
    return (
      <>
        {title}
        {error !== null ? (
          <ErrorView error={error} asked={{ action: 'lakegate:GetMetrics' }} onRetry={again} />
        ) : (
          <div class="page-wait">
            <Spinner />
          </div>
        )}
      </>
    )
  return (
    <>
      {title}
      {error !== null && <ErrorView error={error} title="The figures below are old" onRetry={again} />}
      <Tiles {...seen} />
      <Tabs label="Time shown" tabs={[...ranges]} value={range} onChange={setRange} />
      <div class="charts">
        {charts.map((chart) => (
          <Chart key={chart.title} of={chart} history={seen.history} range={Number(range) * 60} />
        ))}
      </div>
      <Zones scrape={seen.scrape} />
      <Operations scrape={seen.scrape} />
    </>
  )
}
