/* /-/metrics/history: a row for each ten seconds of the last day, counted in that time; kept here and asked for what
 * is new. {"interval_s": 10, "columns": ["time_s", "reads", …], "rows": [[…], …]} */

export interface Answer {
  interval_s: number
  columns: string[]
  rows: number[][]
}

export interface History {
  intervalS: number
  /** seconds since 1970: the end of each interval */
  times: number[]
  columns: Map<string, number[]>
}

export const none: History = { intervalS: 10, times: [], columns: new Map() }
const ROWS_MAX = 8640

/** What was known and what is new; rows of times that are known already are passed over. A time before the last one
 * is a clock that was set back: then all begins anew. */
export function append(history: History, answer: Answer): History {
  const at = answer.columns.indexOf('time_s')
  const last = history.times.at(-1) ?? -Infinity
  const back = answer.rows.length > 0 && (answer.rows.at(-1)?.[at] ?? 0) < last
  const fresh = back ? answer.rows : answer.rows.filter((row) => (row[at] ?? 0) > last)
  if (fresh.length === 0 && history.columns.size > 0) return history
  const old = back ? none : history
  const join = (before: number[], index: number) => [...before, ...fresh.map((row) => row[index] ?? 0)].slice(-ROWS_MAX)
  return {
    intervalS: answer.interval_s,
    times: join(old.times, at),
    columns: new Map(answer.columns.flatMap((name, index) => (index === at ? [] : [[name, join(old.columns.get(name) ?? old.times.map(() => 0), index)] as const]))),
  }
}

/** The part of the last so many seconds, as a chart takes it. Where the daemon did not run there is a gap. */
export function slice(history: History, seconds: number): { times: number[]; column: (name: string, scale?: number) => (number | null)[] } {
  const end = history.times.at(-1) ?? 0
  const first = history.times.findIndex((time) => time > end - seconds)
  const from = first < 0 ? history.times.length : first
  const times: number[] = []
  const rows: (number | null)[] = []
  for (let row = from; row < history.times.length; row++) {
    const time = history.times[row] as number
    const before = times.at(-1)
    if (before !== undefined && time - before > 2.5 * history.intervalS) {
      times.push(before + history.intervalS)
      rows.push(null)
    }
    times.push(time)
    rows.push(row)
  }
  return {
    times,
    column: (name, scale = 1) => {
      const values = history.columns.get(name)
      return rows.map((row) => (row === null || !values ? null : (values[row] as number) * scale))
    },
  }
}
