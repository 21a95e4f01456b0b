/* A folder of a bucket: breadcrumbs, tree, entries, and the details of the one that is chosen. */
import type { TargetedKeyboardEvent } from 'preact'
import { useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks'
import type { PageProps } from '../../pages'
import { go, href } from '../../router'
import { bucketZones, zoneOf } from '../../s3/buckets'
import { hasVersions, type Entry } from '../../s3/objects'
import { Button, ErrorView, format, Icon, Menu, Spinner, useLoad, VirtualList } from '../../ui'
import { addFiles, addDropped, pickFiles } from '../../upload/add'
import { changed } from '../../upload/manager'
import { ZoneBadge } from '../bucket-badges'
import { copyEntries, deleteEntries, emptyBucket, newFolder, removeBucket, type Target } from './actions'
import './browse.css'
import { Details } from './details'
import { useListing } from './listing'
import { crumbs } from './names'
import { entryId, Row, ROW_PX } from './rows'
import { AS_STORED, nextSort, sorted, type Sort, type SortBy } from './sort'
import { Tree } from './tree'
import { downloadFolder, downloadObject } from './transfer'
import { unfinishedUploads } from './unfinished'

const SEARCH_DELAY_MS = 200
const REFRESH_MS = 500

export default function Browse({ params }: PageProps) {
  const bucket = params.bucket ?? ''
  return <Folder key={bucket} bucket={bucket} params={params} />
}

function Folder({ bucket, params }: { bucket: string; params: Record<string, string> }) {
  const prefix = params.prefix ?? ''
  const search = params.q ?? ''
  const versions = params.versions === '1'
  const flat = params.flat === '1'
  const listing = useListing({ bucket, prefix: prefix + search, versions, delimiter: flat ? '' : '/' })
  const zones = useLoad((signal) => bucketZones(bucket, signal), [bucket]).value
  const versioned = useLoad((signal) => hasVersions(bucket, signal), [bucket]).value ?? false
  const [selected, setSelected] = useState<ReadonlySet<string>>(new Set())
  const [active, setActive] = useState(-1)
  const [sort, setSort] = useState(AS_STORED)
  const [turn, setTurn] = useState(0)
  const [dragging, setDragging] = useState(false)
  const searchField = useRef<HTMLInputElement>(null)
  const seen = useRef(changed.peek()?.turn ?? 0)
  const reload = useCallback(() => {
    setSelected(new Set())
    setTurn((before) => before + 1)
    listing.reload()
  }, [listing.reload])
  /* Before the next event: what it does must be of this place. */
  useLayoutEffect(() => {
    setSelected(new Set())
    setActive(-1)
  }, [bucket, prefix, search, versions, flat])
  /* Uploads into this bucket show up when they are there; of many at once some at a time. */
  const due = useRef(0)
  useEffect(() => {
    const stop = changed.subscribe((change) => {
      if (change?.bucket !== bucket || !change.key.startsWith(prefix) || change.turn <= seen.current) return
      seen.current = change.turn
      due.current ||= window.setTimeout(() => {
        due.current = 0
        setTurn((before) => before + 1)
        listing.reload()
      }, REFRESH_MS)
    })
    return () => {
      stop()
      window.clearTimeout(due.current)
      due.current = 0
    }
  }, [bucket, prefix, listing.reload])
  const target: Target = { bucket, prefix, versions, reload }
  const sortable = listing.complete && !versions
  const entries = useMemo(() => (sortable ? sorted(listing.entries, sort) : listing.entries), [listing.entries, sortable, sort])
  const chosen = useMemo(() => entries.filter((entry) => selected.has(entryId(entry))), [entries, selected])
  const place = (more: Record<string, string | undefined>) => ({ bucket, prefix, q: search, versions: versions ? '1' : '', flat: flat ? '1' : '', ...more })
  const show = (entry: Entry) => {
    if (entry.kind === 'folder') go('browse', { bucket, prefix: entry.key, versions: versions ? '1' : '' })
    else if (entry.kind === 'object') go('browse', place({ key: entry.key, version: versions ? entry.versionId : undefined }))
  }
  const toggle = (index: number, to?: boolean) => {
    const entry = entries[index]
    if (!entry) return
    const next = new Set(selected)
    const id = entryId(entry)
    if (to ?? !next.has(id)) next.add(id)
    else next.delete(id)
    setSelected(next)
    setActive(index)
  }
  const onKeyDown = (event: TargetedKeyboardEvent<HTMLDivElement>) => {
    /* A control inside of the list has these keys for itself. */
    if (event.target !== event.currentTarget && (event.key === 'Enter' || event.key === ' ')) return
    const page = 10
    const moves: Record<string, number> = { ArrowDown: active + 1, ArrowUp: active - 1, Home: 0, End: entries.length - 1, PageDown: active + page, PageUp: active - page }
    const to = moves[event.key]
    const entry = entries[active]
    if (to !== undefined) setActive(Math.max(0, Math.min(entries.length - 1, to)))
    else if (event.key === 'Enter' && entry) show(entry)
    else if (event.key === ' ') toggle(active)
    else if (event.key === 'Delete' && (chosen.length > 0 || entry)) deleteEntries(target, chosen.length > 0 ? chosen : entry ? [entry] : [])
    else if (event.key === 'a' && (event.ctrlKey || event.metaKey)) setSelected(new Set(entries.map(entryId)))
    else if (event.key === 'Escape') setSelected(new Set())
    else if (event.key === 'Backspace' && prefix) go('browse', { bucket, prefix: crumbs(prefix).at(-2)?.[0] ?? '' })
    else if (event.key === '/') searchField.current?.focus()
    else return
    event.preventDefault()
  }
  const zone = zoneOf(zones, prefix)
  const objectKey = params.key
  return (
    <div
      class={`browse ${dragging ? 'dragging' : ''}`}
      onDragEnter={(event) => {
        if (event.dataTransfer?.types.includes('Files')) setDragging(true)
      }}
      onDragOver={(event) => {
        if (event.dataTransfer?.types.includes('Files')) event.preventDefault()
      }}
      onDragLeave={(event) => {
        if (!event.currentTarget.contains(event.relatedTarget as Node | null)) setDragging(false)
      }}
      onDrop={(event) => {
        setDragging(false)
        if (!event.dataTransfer) return
        event.preventDefault()
        void addDropped(event.dataTransfer, bucket, prefix)
      }}
    >
      <div class="page-head">
        <h1 class="crumbs" data-testid="crumbs">
          <a href={href('buckets')} class="muted">
            Buckets
          </a>
          <Icon name="chevron" />
          <a href={href('browse', { bucket })}>{bucket}</a>
          {crumbs(prefix).map(([to, name]) => (
            <span key={to} class="row crumb">
              <Icon name="chevron" />
              <a href={href('browse', { bucket, prefix: to })}>{name}</a>
            </span>
          ))}
          {zone && <ZoneBadge zone={zone} />}
        </h1>
        <Button icon="plus" onClick={() => newFolder(target)}>
          New folder
        </Button>
        <Menu
          label="Upload"
          kind="primary"
          icon="upload"
          text="Upload"
          entries={[
            { label: 'Files…', icon: 'file', run: () => pickFiles(false, (files) => addFiles(files, bucket, prefix)) },
            { label: 'A folder…', icon: 'folder', run: () => pickFiles(true, (files) => addFiles(files, bucket, prefix)) },
          ]}
        />
        <Menu
          label="The bucket and this folder"
          entries={[
            { label: prefix ? 'Download this folder (zip)' : 'Download everything (zip)', icon: 'download', run: () => void downloadFolder(bucket, prefix) },
            { label: flat ? 'Show folders' : 'Show all keys below', icon: 'table', run: () => go('browse', place({ flat: flat ? '' : '1', key: undefined })) },
            ...(versioned ? [{ label: versions ? 'Hide old versions' : 'Show versions', icon: 'history' as const, run: () => go('browse', place({ versions: versions ? '' : '1', key: undefined })) }] : []),
            { label: 'Copy a data set to here…', icon: 'cloud', run: () => go('copies', { new: '1', bucket, prefix }) },
            { label: 'Settings of the bucket', icon: 'settings', rule: true, run: () => go('bucket', { bucket }) },
            { label: 'Unfinished uploads…', icon: 'upload', run: () => unfinishedUploads(bucket, prefix) },
            { label: 'Empty the bucket…', icon: 'trash', danger: true, rule: true, run: () => emptyBucket(target) },
            { label: 'Delete the bucket…', icon: 'trash', danger: true, run: () => removeBucket(bucket) },
          ]}
        />
      </div>
      <div class="browse-bar">
        <SearchField value={search} fieldRef={searchField} onSearch={(q) => go('browse', place({ q, key: undefined }), true)} />
        {versioned && (
          <label class="check">
            <input type="checkbox" checked={versions} onChange={() => go('browse', place({ versions: versions ? '' : '1', key: undefined }))} />
            <span>Versions</span>
          </label>
        )}
        <span class="muted nowrap" role="status" data-testid="count">
          {format.plural(entries.length, 'entry', 'entries')}
          {!listing.complete && entries.length > 0 ? ' so far' : ''}
        </span>
        {!listing.complete && !listing.full && entries.length > 0 && (
          <Button small kind="plain" onClick={listing.all} busy={listing.loading}>
            Load all
          </Button>
        )}
        {listing.full && <span class="muted">This is as much as one list holds: search for the beginning of a name.</span>}
        <span class="grow" />
        {chosen.length > 0 && (
          <span class="row selection" role="group" aria-label="What is selected">
            <strong>{format.count(chosen.length)} selected</strong>
            <Button small icon="download" onClick={() => chosen.forEach((entry) => void (entry.kind === 'folder' ? downloadFolder(bucket, entry.key) : downloadObject(bucket, entry.key, entry.versionId)))} disabled={chosen.length > 10}>
              Download
            </Button>
            <Button small icon="copy" onClick={() => copyEntries(target, chosen, 'copy')}>
              Copy
            </Button>
            <Button small icon="move" onClick={() => copyEntries(target, chosen, 'move')}>
              Move
            </Button>
            <Button small icon="trash" kind="danger" onClick={() => deleteEntries(target, chosen)}>
              Delete
            </Button>
          </span>
        )}
        <Button icon="reload" kind="plain" small label="Reload" onClick={reload} />
      </div>
      <div class={`browse-body ${objectKey !== undefined ? 'with-details' : ''}`}>
        <Tree bucket={bucket} prefix={prefix} turn={turn} />
        <div class="card entries">
          {listing.error !== undefined ? (
            <div class="card-body">
              <ErrorView error={listing.error} asked={{ action: versions ? 's3:ListBucketVersions' : 's3:ListBucket', resource: bucket }} onRetry={reload} />
            </div>
          ) : entries.length === 0 ? (
            <EmptyFolder loading={listing.loading} search={search} onUpload={() => pickFiles(false, (files) => addFiles(files, bucket, prefix))} />
          ) : (
            <VirtualList
              class="entry-list"
              role="grid"
              label={`Entries of ${prefix || bucket}`}
              count={entries.length}
              rowHeight={ROW_PX}
              show={active}
              activeId={active >= 0 ? `entry-${active}` : undefined}
              onEnd={listing.more}
              onKeyDown={onKeyDown}
              head={<Head sort={sort} sortable={sortable} onSort={(by) => setSort(nextSort(sort, by))} versions={versions} all={entries.length > 0 && selected.size === entries.length} onAll={(to) => setSelected(to ? new Set(entries.map(entryId)) : new Set())} />}
              row={(index) => (
                <Row
                  entry={entries[index] as Entry}
                  index={index}
                  prefix={prefix}
                  versions={versions}
                  selected={selected.has(entryId(entries[index] as Entry))}
                  active={active === index}
                  open={objectKey === entries[index]?.key && (!versions || params.version === entries[index]?.versionId)}
                  address={entryAddress(entries[index] as Entry, bucket, versions, place)}
                  onToggle={toggle}
                  onActivate={setActive}
                />
              )}
            />
          )}
        </div>
        {objectKey !== undefined && (
          <Details key={`${objectKey}\n${params.version ?? ''}`} target={target} objectKey={objectKey} versionId={params.version} zones={zones} versioned={versioned} onClose={() => go('browse', place({ key: undefined, version: undefined }))} />
        )}
      </div>
      {dragging && (
        <div class="drop-hint" aria-hidden="true">
          <Icon name="upload" />
          Drop to upload into {prefix || bucket}
        </div>
      )}
    </div>
  )
}

function entryAddress(entry: Entry, bucket: string, versions: boolean, place: (more: Record<string, string | undefined>) => Record<string, string | undefined>): string {
  if (entry.kind === 'folder') return href('browse', { bucket, prefix: entry.key, versions: versions ? '1' : '' })
  return href('browse', place({ key: entry.key, version: versions ? entry.versionId : undefined }))
}

interface HeadProps {
  versions: boolean
  all: boolean
  onAll: (to: boolean) => void
  sort: Sort
  /** only what is loaded to its end can be */
  sortable: boolean
  onSort: (by: SortBy) => void
}

function Head({ versions, all, onAll, sort, sortable, onSort }: HeadProps) {
  const column = (by: SortBy, label: string, extra: string) => (
    <span role="columnheader" class={extra} aria-sort={sortable && sort.by === by ? (sort.down ? 'descending' : 'ascending') : undefined}>
      <button type="button" class="sort" disabled={!sortable} title={sortable || versions ? undefined : 'Load all to sort'} onClick={() => onSort(by)}>
        {label}
        {sortable && sort.by === by && sort !== AS_STORED && <Icon name={sort.down ? 'down' : 'up'} />}
      </button>
    </span>
  )
  return (
    <div class={`entry-row entry-head ${versions ? 'with-versions' : ''}`} role="row">
      <span role="columnheader" class="cell-check">
        <input type="checkbox" aria-label="Select all" checked={all} onChange={(event) => onAll(event.currentTarget.checked)} />
      </span>
      {column('name', 'Name', 'cell-name')}
      {versions && (
        <span role="columnheader" class="cell-version">
          Version
        </span>
      )}
      {column('size', 'Size', 'cell-size num')}
      {column('time', 'Modified', 'cell-time')}
    </div>
  )
}

function SearchField({ value, onSearch, fieldRef }: { value: string; onSearch: (text: string) => void; fieldRef: { current: HTMLInputElement | null } }) {
  const [text, setText] = useState(value)
  const timer = useRef(0)
  useEffect(() => setText(value), [value])
  return (
    <span class="search">
      <Icon name="search" />
      <input
        ref={fieldRef}
        class="input"
        type="search"
        aria-label="Search by the beginning of a name"
        placeholder="Begins with… ( / )"
        value={text}
        spellcheck={false}
        onInput={(event) => {
          const now = event.currentTarget.value
          setText(now)
          window.clearTimeout(timer.current)
          timer.current = window.setTimeout(() => onSearch(now), SEARCH_DELAY_MS)
        }}
      />
    </span>
  )
}

function EmptyFolder({ loading, search, onUpload }: { loading: boolean; search: string; onUpload: () => void }) {
  if (loading)
    return (
      <div class="page-wait">
        <Spinner />
      </div>
    )
  return (
    <div class="empty">
      <Icon name={search ? 'search' : 'folder'} />
      <h2>{search ? 'Nothing begins like that' : 'Nothing here yet'}</h2>
      {!search && (
        <>
          <p>Drop files or folders here.</p>
          <Button icon="upload" kind="primary" onClick={onUpload}>
            Choose files
          </Button>
        </>
      )}
    </div>
  )
}
