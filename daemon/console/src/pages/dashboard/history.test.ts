import { expect, it } from 'vitest'
import { append, none, slice } from './history'

const answer = (rows: number[][]) => ({ interval_s: 10, columns: ['time_s', 'reads', 'bytes_in'], rows })

it('keeps what it knows and takes what is new', () => {
  let history = append(none, answer([[10, 1, 100], [20, 2, 200]]))
  history = append(history, answer([[20, 2, 200], [30, 3, 300]]))
  expect(history.times).toEqual([10, 20, 30])
  expect(history.columns.get('reads')).toEqual([1, 2, 3])
  expect(append(history, answer([]))).toBe(history)
})

it('begins anew when the clock went back, and keeps a day at most', () => {
  const history = append(none, answer([[1000, 1, 1]]))
  expect(append(history, answer([[500, 2, 2]])).times).toEqual([500])
  const day = append(none, answer(Array.from({ length: 9000 }, (_, i) => [i * 10, i, i])))
  expect(day.times.length).toBe(8640)
  expect(day.columns.get('reads')?.at(-1)).toBe(8999)
})

it('gives the last seconds, per second, with a gap where nothing ran', () => {
  const history = append(none, answer([[10, 10, 0], [20, 20, 0], [100, 100, 0], [110, 110, 0]]))
  const shown = slice(history, 95)
  expect(shown.times).toEqual([20, 30, 100, 110])
  expect(shown.column('reads', 0.1)).toEqual([2, null, 10, 11])
  expect(shown.column('unknown')).toEqual([null, null, null, null])
  expect(slice(none, 60).times).toEqual([])
})
