/* Prometheus' text format, as /-/metrics has it.
 * src: Prometheus documentation, "Exposition formats", text-based format */

export interface Sample {
  labels: Record<string, string>
  value: number
}

export type Scrape = Map<string, Sample[]>

const LABEL = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)",?/g
const ESCAPES: Record<string, string> = { '\\n': '\n', '\\"': '"', '\\\\': '\\' }

export function parseMetrics(text: string): Scrape {
  const found: Scrape = new Map()
  for (const line of text.split('\n')) {
    const match = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)(?: \d+)?$/.exec(line)
    if (!match) continue
    const labels: Record<string, string> = Object.create(null)
    for (const [, name, value] of (match[2] ?? '').matchAll(LABEL)) labels[name as string] = (value as string).replace(/\\[n"\\]/g, (escape) => ESCAPES[escape] ?? escape)
    const value = match[3] === '+Inf' ? Infinity : Number(match[3])
    const name = match[1] as string
    const list = found.get(name)
    if (list) list.push({ labels, value })
    else found.set(name, [{ labels, value }])
  }
  return found
}

/** The sum of all samples of a name that fit; undefined: there is none. */
export function sum(scrape: Scrape, name: string, fits: (labels: Record<string, string>) => boolean = () => true): number | undefined {
  const list = scrape.get(name)?.filter((sample) => fits(sample.labels))
  return list?.length ? list.reduce((total, sample) => total + sample.value, 0) : undefined
}
