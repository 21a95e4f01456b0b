/* A list of rows of one height of which only those in sight are in the page, so that 100,000 scroll like 20. Browsers
 * cut elements off at some 16 million pixels: beyond SPACE_MAX the scroll position is scaled. */
import type { ComponentChildren, TargetedKeyboardEvent } from 'preact'
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks'

const SPACE_MAX_PX = 8_000_000
const OVERSCAN = 8

export interface VirtualListProps {
  count: number
  rowHeight: number
  row: (index: number) => ComponentChildren
  rowKey?: (index: number) => string
  label: string
  class?: string
  /** called when the last row comes near */
  onEnd?: () => void
  /** a row to bring into sight when it changes */
  show?: number
  onKeyDown?: (event: TargetedKeyboardEvent<HTMLDivElement>) => void
  role?: 'grid' | 'list'
  /** of a grid: its head, which stays in sight, and the row that the keys act on */
  head?: ComponentChildren
  activeId?: string
  /** in pixels; absent: as the style sheet has it */
  height?: number
}

export function VirtualList({ count, rowHeight, row, rowKey, label, class: extra = '', onEnd, show, onKeyDown, role = 'list', head, activeId, height }: VirtualListProps) {
  const headPx = head ? rowHeight : 0
  const ref = useRef<HTMLDivElement>(null)
  const [view, setView] = useState({ top: 0, height: 600 })
  const full = count * rowHeight
  const space = Math.min(full, SPACE_MAX_PX)
  const scale = full > space ? (full - view.height) / (space - view.height) : 1
  useLayoutEffect(() => {
    const list = ref.current
    if (!list) return
    const measure = () => setView({ top: list.scrollTop, height: list.clientHeight })
    measure()
    const observer = new ResizeObserver(measure)
    observer.observe(list)
    list.addEventListener('scroll', measure, { passive: true })
    return () => {
      observer.disconnect()
      list.removeEventListener('scroll', measure)
    }
  }, [])
  useLayoutEffect(() => {
    const list = ref.current
    if (!list || show === undefined || show < 0) return
    const top = show * rowHeight
    const from = list.scrollTop * scale
    if (top < from) list.scrollTop = top / scale
    else if (top + rowHeight > from + list.clientHeight - headPx) list.scrollTop = (top + rowHeight - list.clientHeight + headPx) / scale
  }, [show, rowHeight, scale])
  const from = view.top * scale
  const first = Math.max(0, Math.floor(from / rowHeight) - OVERSCAN)
  const last = Math.min(count, Math.ceil((from + view.height) / rowHeight) + OVERSCAN)
  useEffect(() => {
    if (last >= count - OVERSCAN) onEnd?.()
  }, [last >= count - OVERSCAN, count, onEnd])
  const rows = []
  for (let index = first; index < last; index++)
    rows.push(
      <div
        key={rowKey ? rowKey(index) : index}
        class="vlist-row"
        role={role === 'list' ? 'listitem' : 'presentation'}
        style={{ transform: `translateY(${view.top + index * rowHeight - from}px)`, height: `${rowHeight}px` }}
      >
        {row(index)}
      </div>,
    )
  return (
    <div
      ref={ref}
      class={`vlist ${extra}`}
      role={role}
      aria-label={label}
      aria-rowcount={role === 'grid' ? count + 1 : undefined}
      aria-multiselectable={role === 'grid' ? true : undefined}
      aria-activedescendant={activeId}
      tabIndex={0}
      onKeyDown={onKeyDown}
      style={height === undefined ? undefined : { height: `${height}px` }}
    >
      {head}
      <div class="vlist-space" role="presentation" style={{ height: `${space}px` }}>
        {rows}
      </div>
    </div>
  )
}
