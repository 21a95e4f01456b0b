import type { FileMetaData } from 'hyparquet'
import { describe, expect, it } from 'vitest'
import { columnsThatFit } from './parquet'

const chunk = (name: string, bytes: number) => ({ meta_data: { path_in_schema: [name], total_compressed_size: BigInt(bytes) } })
const file = (...columns: ReturnType<typeof chunk>[]) => ({ row_groups: [{ columns }] }) as unknown as FileMetaData

describe('the columns of a Parquet file', () => {
  it('are read from the left, as far as they may', () => {
    expect(columnsThatFit(file(chunk('a', 5_000_000), chunk('b', 20_000_000), chunk('c', 1000)), 8_000_000)).toEqual({ columns: ['a', 'c'], left: ['b'] })
  })
  it('count with all of their leaves', () => {
    expect(columnsThatFit(file(chunk('a', 5_000_000), chunk('a', 5_000_000), chunk('b', 10)), 8_000_000)).toEqual({ columns: ['b'], left: ['a'] })
  })
  it('are none of a file without rows', () => expect(columnsThatFit({ row_groups: [] } as unknown as FileMetaData, 100)).toEqual({ columns: [], left: [] }))
})
