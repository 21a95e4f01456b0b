/* The order of a list that is loaded to its end: by name as the store has it, or by size or time; folders first. */
import type { Entry } from '../../s3/objects'

export type SortBy = 'name' | 'size' | 'time'
export interface Sort {
  by: SortBy
  down: boolean
}
export const AS_STORED: Sort = { by: 'name', down: false }

const ORDERS: Record<SortBy, (a: Entry, b: Entry) => number> = {
  name: () => 0,
  size: (a, b) => a.size - b.size,
  time: (a, b) => (a.modified?.getTime() ?? 0) - (b.modified?.getTime() ?? 0),
}

export function sorted(entries: Entry[], { by, down }: Sort): Entry[] {
  if (by === 'name' && !down) return entries
  const folders = entries.filter((entry) => entry.kind === 'folder')
  const rest = entries.filter((entry) => entry.kind !== 'folder')
  if (by === 'name') return [...folders.reverse(), ...rest.reverse()]
  /* The sort is stable: what is equal stays in the order of the names. */
  return [...folders, ...rest.sort((a, b) => (down ? -1 : 1) * ORDERS[by](a, b))]
}

/** A click on a column: sizes and times begin with the largest and newest. */
export function nextSort(sort: Sort, by: SortBy): Sort {
  if (sort.by !== by) return { by, down: by !== 'name' }
  return { by, down: !sort.down }
}
