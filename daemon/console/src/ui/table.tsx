/* Tables: a column is its head and what stands in a row of it. */
import type { ComponentChildren } from 'preact'

export interface Column<T> {
  /** '' heads buttons */
  label: ComponentChildren
  num?: boolean
  /** of its cells: mono, wrap, nowrap, muted */
  class?: string
  cell: (row: T, index: number) => ComponentChildren
}

export function Table<T>({ label, class: more, columns, rows, keyOf, head = true }: { label?: string; class?: string; columns: Column<T>[]; rows: T[]; keyOf: (row: T, index: number) => string | number; head?: boolean }) {
  const classOf = (column: Column<T>) => [column.num && 'num', column.label === '' && 'actions', column.class].filter(Boolean).join(' ')
  return (
    <table class={`table ${more ?? ''}`} aria-label={label}>
      {head && (
        <thead>
          <tr>
            {columns.map((column, i) => (
              <th key={i} scope="col" class={column.num ? 'num' : ''}>
                {column.label === '' ? <span class="sr">Actions</span> : column.label}
              </th>
            ))}
          </tr>
        </thead>
      )}
      <tbody>
        {rows.map((row, index) => (
          <tr key={keyOf(row, index)}>
            {columns.map((column, i) => (
              <td key={i} class={classOf(column)}>
                {column.cell(row, index)}
              </td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  )
}
