/* uPlot, in a chunk of its own: lines over time on a canvas, 50 KiB, made for just this. It styles through the object
 * model, which the Content-Security-Policy allows; its few rules come as a file of the chunk. */
import uPlot from 'uplot'
import 'uplot/dist/uPlot.min.css'

export interface Line {
  label: string
  /** a custom property of tokens.css */
  colour: string
  values: (number | null)[]
}

export interface Data {
  /** seconds since 1970, ascending */
  times: number[]
  lines: Line[]
  /** seconds that are shown up to the last time, whatever of them there are figures for; without it: what there is */
  spanS?: number
}

export interface Options {
  height: number
  unit: (value: number) => string
  bytes?: boolean
  /** the index under the pointer; null when it left */
  onPoint: (index: number | null) => void
}

export interface Chart {
  set: (data: Data) => void
  redraw: () => void
  destroy: () => void
}

const css = (name: string) => getComputedStyle(document.documentElement).getPropertyValue(name).trim()
const two = (value: number) => String(value).padStart(2, '0')

function clock(seconds: number, step: number): string {
  const at = new Date(seconds * 1000)
  return `${two(at.getHours())}:${two(at.getMinutes())}${step < 60 ? `:${two(at.getSeconds())}` : ''}`
}

const aligned = (data: Data): uPlot.AlignedData => [data.times, ...data.lines.map((line) => line.values)] as uPlot.AlignedData

/** Between two marks of time: none is smaller than what the label shows. */
const INCREMENTS_S = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400]

/** A number above all values that makes round marks: of bytes 1, 2, 5 … 500 of their unit. */
function top(max: number, bytes: boolean): number {
  if (!(max > 0)) return 1
  const unit = bytes ? 1024 ** Math.floor(Math.log(Math.max(1, max)) / Math.log(1024)) : 1
  const value = max / unit
  const power = 10 ** Math.floor(Math.log10(value))
  return ([1, 2, 5, 10].find((step) => step * power >= value) ?? 10) * power * unit
}

/** Five marks at most, at quarters or fifths of the top. */
function marks(least: number, most: number): number[] {
  const lead = Number(String(most).replace(/[^1-9]/g, '').slice(0, 1) || 1)
  const parts = lead === 5 ? 5 : 4
  return Array.from({ length: parts + 1 }, (_, index) => least + ((most - least) * index) / parts)
}

export function draw(host: HTMLElement, data: Data, options: Options): Chart {
  const font = `11px ${css('--font') || 'sans-serif'}`
  const axis = { stroke: () => css('--ink-3'), grid: { stroke: () => css('--line'), width: 1 }, ticks: { stroke: () => css('--line'), width: 1, size: 4 }, font }
  const width = () => Math.max(160, host.clientWidth)
  let spanS = data.spanS
  const times = (first: number | null, last: number | null): [number, number] => {
    const end = last ?? Date.now() / 1000
    return [spanS !== undefined ? end - spanS : (first ?? end - 1), end]
  }
  const plot = new uPlot(
    {
      width: width(),
      height: options.height,
      legend: { show: false },
      cursor: { y: false, drag: { x: false, y: false }, points: { size: 6 } },
      scales: { x: { time: true, range: (_, first, last) => times(first, last) }, y: { range: (_, __, max) => [0, top(max, options.bytes === true)] } },
      axes: [
        { ...axis, size: 24, space: 70, incrs: INCREMENTS_S, values: (_, splits, __, ___, step) => splits.map((at) => clock(at, step)) },
        { ...axis, size: 76, splits: (_, __, least, most) => marks(least, most), values: (_, splits) => splits.map(options.unit) },
      ],
      series: [{}, ...data.lines.map((line) => ({ label: line.label, stroke: () => css(line.colour), width: 1.5, points: { show: (now: uPlot) => (now.data[0]?.length ?? 0) < 3 }, spanGaps: false }))],
      hooks: { setCursor: [(now) => options.onPoint(now.cursor.idx ?? null)] },
    },
    aligned(data),
    host,
  )
  const observer = new ResizeObserver(() => {
    if (plot.width !== width()) plot.setSize({ width: width(), height: options.height })
  })
  observer.observe(host)
  return {
    set: (next) => {
      spanS = next.spanS
      plot.setData(aligned(next))
    },
    redraw: () => plot.redraw(),
    destroy: () => {
      observer.disconnect()
      plot.destroy()
    },
  }
}
