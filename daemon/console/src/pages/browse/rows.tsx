/* One line of the list. */
import type { Entry } from '../../s3/objects'
import { Badge, format, Icon } from '../../ui'
import { iconOf, nameIn } from './names'

export const ROW_PX = 34

export function entryId(entry: Entry): string {
  return `${entry.kind}\n${entry.key}\n${entry.versionId ?? ''}`
}

export interface RowProps {
  entry: Entry
  index: number
  prefix: string
  versions: boolean
  selected: boolean
  active: boolean
  open: boolean
  address: string
  onToggle: (index: number, to?: boolean) => void
  onActivate: (index: number) => void
}

export function Row({ entry, index, prefix, versions, selected, active, open, address, onToggle, onActivate }: RowProps) {
  const name = nameIn(prefix, entry.key)
  return (
    <div
      class={`entry-row ${versions ? 'with-versions' : ''} ${active ? 'active' : ''} ${open ? 'open' : ''} ${entry.kind === 'marker' || entry.latest === false ? 'old' : ''}`}
      id={`entry-${index}`}
      role="row"
      aria-rowindex={index + 2}
      aria-selected={selected}
      onClick={() => onActivate(index)}
    >
      {/* The row's click renders anew, before the box's change is told: so it must not hear of this one. */}
      <span role="gridcell" class="cell-check" onClick={(event) => event.stopPropagation()}>
        <input type="checkbox" tabIndex={-1} aria-label={`Select ${name}`} checked={selected} onChange={() => onToggle(index, !selected)} />
      </span>
      <span role="gridcell" class="cell-name" title={name}>
        <Icon name={entry.kind === 'folder' ? 'folder' : iconOf(entry.key)} />
        {entry.kind === 'marker' ? (
          <>
            <span class="ellipsis">{name}</span>
            <Badge tone="danger">delete marker</Badge>
          </>
        ) : (
          <a class="ellipsis" tabIndex={-1} href={address} data-kind={entry.kind}>
            {name}
          </a>
        )}
        {versions && entry.latest && entry.kind === 'object' && <Badge tone="accent">newest</Badge>}
      </span>
      {versions && (
        <span role="gridcell" class="cell-version mono ellipsis muted" title={entry.versionId}>
          {entry.versionId ?? ''}
        </span>
      )}
      <span role="gridcell" class="cell-size num">
        {entry.kind === 'object' ? format.bytes(entry.size) : ''}
      </span>
      <span role="gridcell" class="cell-time muted">
        {format.time(entry.modified)}
      </span>
    </div>
  )
}
