/* A chart of figures over time with its own legend: the last values, or those under the pointer. */
import { useEffect, useRef, useState } from 'preact/hooks'
import { theme } from '../theme'
import { ErrorView, format } from '../ui'
import type { Chart, Data, Line } from './uplot'
import './charts.css'

export type { Data, Line }

export const colours = ['--accent', '--info-ink', '--warn-ink', '--danger', '--violet-ink'] as const

export interface TimeChartProps {
  label: string
  data: Data
  unit: (value: number) => string
  /** marks at powers of 1024 */
  bytes?: boolean
  height?: number
}

const last = (values: (number | null)[]): number | null => values.findLast((value) => value !== null) ?? null

export function TimeChart({ label, data, unit, bytes, height = 160 }: TimeChartProps) {
  const host = useRef<HTMLDivElement>(null)
  const chart = useRef<Chart | null>(null)
  const now = useRef(data)
  now.current = data
  const [point, setPoint] = useState<number | null>(null)
  const [failed, setFailed] = useState<unknown>(null)
  const names = data.lines.map((line) => line.label).join('\n')
  useEffect(() => {
    let live = true
    import('./uplot').then(
      ({ draw }) => {
        if (live && host.current) chart.current = draw(host.current, now.current, { height, unit, bytes, onPoint: setPoint })
      },
      (thrown) => live && setFailed(thrown),
    )
    return () => {
      live = false
      chart.current?.destroy()
      chart.current = null
    }
  }, [names, height])
  useEffect(() => chart.current?.set(data), [data])
  useEffect(() => chart.current?.redraw(), [theme.value])
  if (failed !== null) return <ErrorView error={failed} title="The chart could not be loaded" />
  const at = point !== null ? data.times[point] : undefined
  const shown = data.lines.map((line) => ({ ...line, value: at !== undefined ? (line.values[point as number] ?? null) : last(line.values) }))
  const described = shown.map(({ label: name, value }) => `${name} ${value === null ? 'unknown' : unit(value)}`).join(', ')
  return (
    <figure class="chart">
      <figcaption class="chart-legend">
        {shown.map((line, index) => (
          <span key={line.label} class="chart-key">
            <span class={`chart-mark mark-${index % colours.length}`} aria-hidden="true" />
            <span class="muted">{format.visible(line.label)}</span> <strong>{line.value === null ? '–' : unit(line.value)}</strong>
          </span>
        ))}
        <span class="muted chart-at">{at !== undefined ? format.time(at * 1000) : ''}</span>
      </figcaption>
      <div ref={host} class="chart-host" role="img" aria-label={`${label} over time; last: ${described}`} />
    </figure>
  )
}
