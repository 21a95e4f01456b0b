/* The folders of a bucket as a tree: a level is loaded when it is opened, to TREE_MAX folders. */
import { useEffect, useState } from 'preact/hooks'
import { go, href } from '../../router'
import { listPage } from '../../s3/objects'
import { Icon } from '../../ui'
import { baseName } from './names'
import { visible } from '../../ui/format'

const TREE_MAX = 200
/** Pages of keys looked through for folders: a level that has few among many files is not read to its end. */
const PAGES_MAX = 3

interface Level {
  folders: string[]
  more: boolean
}

async function foldersOf(bucket: string, prefix: string, signal: AbortSignal): Promise<Level> {
  const folders: string[] = []
  let at
  for (let page = 0; page < PAGES_MAX; page++) {
    const found = await listPage({ bucket, prefix, delimiter: '/', at, signal })
    for (const entry of found.entries) if (entry.kind === 'folder') folders.push(entry.key)
    at = found.next
    if (!at || folders.length >= TREE_MAX) break
  }
  return { folders: folders.slice(0, TREE_MAX), more: at !== undefined || folders.length > TREE_MAX }
}

export function Tree({ bucket, prefix, turn }: { bucket: string; prefix: string; turn: number }) {
  return (
    <nav class="tree" aria-label="Folders">
      <a class="tree-name tree-root" href={href('browse', { bucket })} aria-current={prefix === '' ? 'page' : undefined}>
        <Icon name="bucket" />
        <span class="ellipsis">{bucket}</span>
      </a>
      <Branch bucket={bucket} at="" current={prefix} turn={turn} />
    </nav>
  )
}

function Branch({ bucket, at, current, turn }: { bucket: string; at: string; current: string; turn: number }) {
  const [level, setLevel] = useState<Level | null>(null)
  useEffect(() => {
    const controller = new AbortController()
    foldersOf(bucket, at, controller.signal).then(
      (found) => !controller.signal.aborted && setLevel(found),
      () => !controller.signal.aborted && setLevel({ folders: [], more: false }),
    )
    return () => controller.abort()
  }, [bucket, at, turn])
  if (!level || level.folders.length === 0) return null
  return (
    <ul class="tree-level">
      {level.folders.map((folder) => (
        <Node key={folder} bucket={bucket} folder={folder} current={current} turn={turn} />
      ))}
      {level.more && <li class="muted tree-more">and more</li>}
    </ul>
  )
}

function Node({ bucket, folder, current, turn }: { bucket: string; folder: string; current: string; turn: number }) {
  const inside = current.startsWith(folder)
  const [open, setOpen] = useState(inside)
  useEffect(() => {
    if (inside) setOpen(true)
  }, [inside])
  const name = visible(baseName(folder)) || '/'
  return (
    <li>
      <span class="tree-row">
        <button type="button" class={`tree-toggle ${open ? 'open' : ''}`} aria-expanded={open} aria-label={`${open ? 'Close' : 'Open'} ${name}`} onClick={() => setOpen(!open)}>
          <Icon name="chevron" />
        </button>
        <a
          class="tree-name"
          href={href('browse', { bucket, prefix: folder })}
          aria-current={current === folder ? 'page' : undefined}
          onDblClick={() => go('browse', { bucket, prefix: folder })}
        >
          <Icon name="folder" />
          <span class="ellipsis">{name}</span>
        </a>
      </span>
      {open && <Branch bucket={bucket} at={folder} current={current} turn={turn} />}
    </li>
  )
}
