import { useEffect, useState } from 'preact/hooks'
import type { PageProps } from '../pages'
import { go, href } from '../router'
import { bucketFacts, bucketNameProblem, createBucket, listBuckets, type BucketEntry, type BucketFacts } from '../s3/buckets'
import { Badge, Button, Empty, Field, format, FormDialog, Load, openDialog, Table, toast, useLoad, type Column } from '../ui'
import { AccessBadge, ZoneBadges } from './bucket-badges'
import './buckets.css'

/** Facts of so many buckets are asked for at once. */
const AT_ONCE = 4

/** Facts by bucket, filled in as they come. */
function useFacts(buckets: BucketEntry[]): Map<string, BucketFacts> {
  const [facts, setFacts] = useState(new Map<string, BucketFacts>())
  useEffect(() => {
    const controller = new AbortController()
    const waiting = buckets.map((bucket) => bucket.name)
    const work = async () => {
      for (let name = waiting.shift(); name !== undefined && !controller.signal.aborted; name = waiting.shift()) {
        const found = await bucketFacts(name, controller.signal)
        const of = name
        if (!controller.signal.aborted) setFacts((before) => new Map(before).set(of, found))
      }
    }
    for (let i = 0; i < AT_ONCE; i++) void work()
    return () => controller.abort()
  }, [buckets])
  return facts
}

export default function Buckets({ params }: PageProps) {
  const buckets = useLoad(listBuckets, [])
  const search = params.q ?? ''
  const create = () => openDialog((close) => <CreateBucket onClose={close} />)
  return (
    <>
      <div class="page-head">
        <h1>Buckets</h1>
        {(buckets.value?.length ?? 0) > 8 && (
          <input class="input buckets-search" type="search" aria-label="Find a bucket" placeholder="Find a bucket" value={search} onInput={(event) => go('buckets', { q: event.currentTarget.value }, true)} />
        )}
        <Button icon="reload" kind="plain" label="Reload" onClick={buckets.reload} />
        <Button icon="plus" kind="primary" onClick={create}>
          Create bucket
        </Button>
      </div>
      <Load of={buckets} asked={{ action: 's3:ListAllMyBuckets' }}>
        {(list) =>
          list.length === 0 ? (
            <div class="card">
              <Empty icon="bucket" title="No buckets yet">
                <p>A bucket holds files under names of your choice.</p>
                <Button kind="primary" icon="plus" onClick={create}>
                  Create the first
                </Button>
              </Empty>
            </div>
          ) : (
            <BucketTable buckets={list} search={search} />
          )
        }
      </Load>
      <OpenBucket />
    </>
  )
}

function BucketTable({ buckets, search }: { buckets: BucketEntry[]; search: string }) {
  const facts = useFacts(buckets)
  const shown = buckets.filter((bucket) => bucket.name.includes(search.toLowerCase()))
  const figure = (of: BucketFacts | undefined, value: number | undefined, text: (value: number) => string) => (value === undefined ? <span class="muted">{of ? '–' : '…'}</span> : text(value))
  const columns: Column<BucketEntry>[] = [
    {
      label: 'Name',
      cell: ({ name }) => [
        <a class="bucket-name" href={href('browse', { bucket: name })}>
          {name}
        </a>,
        ' ',
        facts.get(name)?.versioning === 'Enabled' && <Badge title="Versioning is on">versions</Badge>,
      ],
    },
    { label: 'Zones', cell: ({ name }) => <ZoneBadges zones={facts.get(name)?.zones} /> },
    { label: 'Access', cell: ({ name }) => <AccessBadge access={facts.get(name)?.access} /> },
    { label: 'Objects', num: true, cell: ({ name }) => figure(facts.get(name), facts.get(name)?.objects, format.count) },
    { label: 'Size', num: true, cell: ({ name }) => figure(facts.get(name), facts.get(name)?.bytes, format.bytes) },
    { label: 'Created', class: 'nowrap muted', cell: ({ created }) => format.time(created) },
  ]
  return (
    <div class="card table-wrap">
      <Table class="buckets" rows={shown} keyOf={(bucket) => bucket.name} columns={columns} />
      {shown.length === 0 && <p class="buckets-none muted">No bucket has “{search}” in its name.</p>}
    </div>
  )
}

/** Who may not list buckets, or is of another account, may still know the name of one. */
function OpenBucket() {
  const [name, setName] = useState('')
  return (
    <form
      class="row buckets-open"
      onSubmit={(event) => {
        event.preventDefault()
        if (name.trim()) go('browse', { bucket: name.trim() })
      }}
    >
      <label class="muted" for="open-bucket">
        A bucket that is not listed
      </label>
      <input class="input" id="open-bucket" placeholder="its name" value={name} onInput={(event) => setName(event.currentTarget.value)} spellcheck={false} />
      <Button type="submit">Open</Button>
    </form>
  )
}

function CreateBucket({ onClose }: { onClose: () => void }) {
  const [name, setName] = useState('')
  const [tried, setTried] = useState(false)
  const problem = bucketNameProblem(name)
  const create = async () => {
    await createBucket(name)
    toast(`Bucket ${name} was created`)
    go('browse', { bucket: name })
  }
  return (
    <FormDialog title="Create a bucket" action="Create" ready={problem === ''} onTry={() => setTried(true)} run={create} onClose={onClose} asked={{ action: 's3:CreateBucket', resource: name }}>
      <Field label="Name" value={name} onInput={setName} mono autofocus required problem={tried ? problem : ''} hint="3 to 63 of a-z, 0-9, “.” and “-”. It cannot be changed later." />
    </FormDialog>
  )
}
