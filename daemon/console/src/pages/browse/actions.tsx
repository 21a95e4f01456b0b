/* What can be done to the entries of a folder, with the dialogs that ask. */
import { useEffect, useState } from 'preact/hooks'
import { dockOpen } from '../../dock-state'
import { go } from '../../router'
import { deleteBucket, bucketZones, zoneOf } from '../../s3/buckets'
import { asApiError } from '../../s3/errors'
import { copyObject, createFolder, deleteKeys, walk, type Entry } from '../../s3/objects'
import { runTask, type TaskHandle } from '../../tasks'
import { Button, Check, confirmAction, Dialog, Field, format, FormDialog, Note, openDialog, toast } from '../../ui'
import { visible } from '../../ui/format'
import { baseName, folderOf } from './names'

const COPIES_AT_ONCE = 4

export interface Target {
  bucket: string
  prefix: string
  versions: boolean
  reload: () => void
}

/* ---- new folder ---- */

export function newFolder(target: Target): void {
  openDialog((close) => <NewFolder {...target} onClose={close} />)
}

function NewFolder({ bucket, prefix, reload, onClose }: Target & { onClose: () => void }) {
  const [name, setName] = useState('')
  const key = `${prefix}${name.replace(/\/+$/, '')}/`
  const create = async () => {
    await createFolder(bucket, key).catch((thrown) => {
      throw asApiError(thrown).code === 'PreconditionFailed' ? new Error('There is such a folder already.') : thrown
    })
    reload()
    go('browse', { bucket, prefix: key })
  }
  return (
    <FormDialog title="New folder" action="Create" ready={name !== ''} run={create} onClose={onClose} asked={{ action: 's3:PutObject', resource: `${bucket}/${key}` }}>
      <Field label="Name" value={name} onInput={setName} autofocus required hint="A folder is an empty object whose key ends with a slash; uploads make their folders by themselves." />
    </FormDialog>
  )
}

/* ---- deleting ---- */

/** What is selected, as keys: folders with all that is below them. */
async function* expand(bucket: string, entries: Entry[], versions: boolean, signal: AbortSignal): AsyncGenerator<Entry[]> {
  const plain = entries.filter((entry) => entry.kind !== 'folder')
  if (plain.length > 0) yield plain
  for (const folder of entries.filter((entry) => entry.kind === 'folder')) yield* walk(bucket, folder.key, { versions, signal })
}

const COUNT_MAX = 20_000

/** "3 objects, 1.2 MiB", counted below folders to COUNT_MAX. */
function Counted({ bucket, entries, versions }: { bucket: string; entries: Entry[]; versions: boolean }) {
  const [text, setText] = useState('counting…')
  useEffect(() => {
    const controller = new AbortController()
    const run = async () => {
      let count = 0
      let size = 0
      for await (const page of expand(bucket, entries, versions, controller.signal)) {
        count += page.length
        size += page.reduce((sum, entry) => sum + entry.size, 0)
        if (count >= COUNT_MAX) return setText(`more than ${format.count(COUNT_MAX)} objects`)
      }
      return setText(`${format.plural(count, versions ? 'version' : 'object')}, ${format.bytes(size)}`)
    }
    run().catch((thrown) => !controller.signal.aborted && setText(`that cannot be counted: ${asApiError(thrown).message}`))
    return () => controller.abort()
  }, [])
  return <strong data-testid="counted">{text}</strong>
}

export function deleteEntries(target: Target, entries: Entry[]): void {
  const { bucket, versions } = target
  const first = entries[0]
  if (!first) return
  const folders = entries.some((entry) => entry.kind === 'folder')
  const one = entries.length === 1
  confirmAction({
    title: one ? `Delete ${first.kind === 'folder' ? 'the folder' : ''} ${visible(baseName(first.key)) || '/'}?` : `Delete ${format.count(entries.length)} entries?`,
    action: 'Delete',
    children: (
      <>
        <p>
          This deletes <Counted bucket={bucket} entries={entries} versions={versions} />
          {folders && ', all that is below the folder included'}. {versions ? 'The versions that are named are gone for good.' : 'It cannot be undone, unless versioning keeps what was there.'}
        </p>
        {!one && (
          <ul class="listed">
            {entries.slice(0, 8).map((entry) => (
              <li key={entry.key + entry.versionId} class="mono break">
                {visible(entry.key)}
              </li>
            ))}
            {entries.length > 8 && <li class="muted">and {format.count(entries.length - 8)} more</li>}
          </ul>
        )}
      </>
    ),
    run: async () => {
      /* One object is answered in the dialog; more go on in the dock. */
      if (one && first.kind !== 'folder') {
        const refused = await deleteKeys(bucket, [{ key: first.key, versionId: first.versionId }], () => undefined)
        const error = refused[0]
        if (error) throw Object.assign(new Error(error.message), { name: error.code, $metadata: { httpStatusCode: error.code === 'AccessDenied' ? 403 : 400 } })
        toast(`${visible(baseName(first.key))} was deleted`)
        target.reload()
        return
      }
      void deleteTask(target, entries)
    },
  })
}

async function deleteTask(target: Target, entries: Entry[], versions = target.versions): Promise<boolean> {
  dockOpen.value = true
  const title = entries.length === 1 ? `Deleting ${visible(entries[0]?.key || target.bucket)}` : `Deleting ${format.count(entries.length)} entries of ${target.bucket}`
  const good = await runTask(title, async (handle) => {
    let total = 0
    for await (const page of expand(target.bucket, entries, versions, handle.signal)) {
      total += page.length
      handle.total(total)
      handle.refused(
        await deleteKeys(
          target.bucket,
          page.map(({ key, versionId }) => ({ key, versionId })),
          handle.done,
          handle.signal,
        ),
      )
    }
  })
  target.reload()
  return good
}

export function emptyBucket(target: Target): void {
  const { bucket } = target
  const everything: Entry[] = [{ kind: 'folder', key: '', size: 0, etag: '' }]
  confirmAction({
    title: `Empty ${bucket}?`,
    action: 'Delete everything in it',
    typed: bucket,
    children: (
      <p>
        This deletes <Counted bucket={bucket} entries={everything} versions /> of {bucket}, old versions and delete markers included. It cannot be undone.
      </p>
    ),
    run: async () => {
      void deleteTask(target, everything, true)
    },
  })
}

export function removeBucket(bucket: string): void {
  confirmAction({
    title: `Delete the bucket ${bucket}?`,
    action: 'Delete the bucket',
    typed: bucket,
    children: <p>Its policy, zones and other settings go with it. Only an empty bucket can be deleted.</p>,
    run: async () => {
      await deleteBucket(bucket)
      toast(`Bucket ${bucket} was deleted`)
      go('buckets')
    },
  })
}

/* ---- copying, moving, renaming ---- */

export function copyEntries(target: Target, entries: Entry[], what: 'copy' | 'move' | 'rename'): void {
  if (entries.length > 0) openDialog((close) => <CopyDialog target={target} entries={entries} what={what} onClose={close} />)
}

/** Where an entry goes: its name below the destination, or the destination itself when one was named by its key. */
export function destinationOf(entry: Entry, from: string, to: string, whole: boolean): (key: string) => string {
  const base = whole ? entry.key : from
  return (key) => to + key.slice(base.length)
}

function CopyDialog({ target, entries, what, onClose }: { target: Target; entries: Entry[]; what: 'copy' | 'move' | 'rename'; onClose: () => void }) {
  const first = entries[0] as Entry
  const one = entries.length === 1
  const [bucket, setBucket] = useState(target.bucket)
  const [to, setTo] = useState(one ? first.key : target.prefix)
  const [warning, setWarning] = useState('')
  const [overwrite, setOverwrite] = useState(false)
  const verb = { copy: 'Copy', move: 'Move', rename: 'Rename' }[what]
  const same = bucket === target.bucket && to === (one ? first.key : target.prefix)
  /* A folder into itself would never end. */
  const inside = bucket === target.bucket && entries.some((entry) => entry.kind === 'folder' && to !== entry.key && to.startsWith(entry.key))
  useEffect(() => {
    const controller = new AbortController()
    bucketZones(bucket, controller.signal).then((zones) => {
      const zone = zoneOf(zones, to)
      setWarning(zone?.PromoteFrom ? `The zone ${zone.Name} takes copies only from: ${zone.PromoteFrom.join(', ') || 'nowhere else'}.` : '')
    })
    return () => controller.abort()
  }, [bucket, to])
  const problem = same ? '' : inside ? 'A folder cannot be copied into itself.' : !to && one ? 'A name is needed.' : one && first.kind === 'folder' && !to.endsWith('/') ? 'A folder’s name ends with a slash.' : !one && to && !to.endsWith('/') ? 'A folder’s name ends with a slash.' : ''
  const submit = () => {
    if (same || problem) return
    onClose()
    void copyTask(target, entries, bucket, to, { move: what !== 'copy', overwrite })
  }
  return (
    <Dialog
      title={one ? `${verb} ${visible(baseName(first.key)) || '/'}` : `${verb} ${format.count(entries.length)} entries`}
      onClose={onClose}
      onSubmit={submit}
      foot={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button type="submit" kind="primary" disabled={same || problem !== ''}>
            {verb}
          </Button>
        </>
      }
    >
      {what !== 'rename' && <Field label="To the bucket" value={bucket} onInput={setBucket} mono required />}
      <Field label={one ? 'New key' : 'Into the folder'} value={to} onInput={setTo} mono autofocus problem={problem} hint={one ? 'The whole key, folders included.' : 'Empty: the top of the bucket. Ends with a slash.'} />
      {what !== 'copy' && <p class="muted">The store has no move: each object is copied, and the old one deleted once its copy is there.</p>}
      <Check label="Overwrite what is there already" checked={overwrite} onChange={setOverwrite} />
      {warning && <Note tone="warn">{warning}</Note>}
    </Dialog>
  )
}

interface CopyHow {
  move: boolean
  overwrite: boolean
}

async function copyOne(handle: TaskHandle, from: { bucket: string; entry: Entry }, to: { bucket: string; key: string }, { move, overwrite }: CopyHow): Promise<void> {
  const { bucket, entry } = from
  const { key, versionId, etag, size } = entry
  try {
    await copyObject({ bucket, key, versionId }, to, { size, etag, overwrite, signal: handle.signal })
    /* Only what was copied is deleted: what somebody wrote meanwhile stays. */
    if (move) handle.refused(await deleteKeys(bucket, [{ key, versionId, etag }], () => undefined, handle.signal))
  } catch (thrown) {
    if (handle.signal.aborted) throw thrown
    const error = asApiError(thrown)
    const exists = error.code === 'PreconditionFailed' && !overwrite
    handle.refused([{ key, code: error.code, message: exists ? `${to.bucket}/${visible(to.key)} is there already, or the object was changed meanwhile` : error.message }])
  }
  handle.done(1)
}

async function copyTask(target: Target, entries: Entry[], bucket: string, to: string, how: CopyHow): Promise<void> {
  dockOpen.value = true
  const what = entries.length === 1 ? visible(entries[0]?.key ?? '') : format.plural(entries.length, 'entry', 'entries')
  await runTask(`${how.move ? 'Moving' : 'Copying'} ${what} to ${bucket}/${visible(to)}`, async (handle) => {
    let total = 0
    for (const entry of entries) {
      const place = destinationOf(entry, folderOf(entry.kind === 'folder' ? entry.key.slice(0, -1) : entry.key), to, entries.length === 1)
      for await (const page of expand(target.bucket, [entry], false, handle.signal)) {
        handle.total((total += page.length))
        const waiting = [...page]
        const work = async () => {
          for (let next = waiting.shift(); next; next = waiting.shift()) await copyOne(handle, { bucket: target.bucket, entry: next }, { bucket, key: place(next.key) }, how)
        }
        await Promise.all(Array.from({ length: COPIES_AT_ONCE }, work))
      }
    }
  })
  target.reload()
}
