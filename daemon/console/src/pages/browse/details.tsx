/* One object: what is known of it, what is in it, its versions, where it came from. */
import { useState } from 'preact/hooks'
import { lazyPart } from '../../ui/lazy'
import { href } from '../../router'
import { headObject, lineage, listPage, type LineageEdge, type ObjectFacts } from '../../s3/objects'
import type { Zone } from '../../s3/buckets'
import { zoneOf } from '../../s3/buckets'
import { Badge, Button, CopyField, format, Load, Menu, Note, Tabs, useLoad } from '../../ui'
import { visible } from '../../ui/format'
import { ZoneBadge } from '../bucket-badges'
import { copyEntries, deleteEntries, type Target } from './actions'
import { baseName, folderOf } from './names'
import { ObjectTags } from './tags'
import { downloadObject, shareObject } from './transfer'

const Preview = lazyPart(() => import('../../previews/preview'))

type Tab = 'details' | 'preview' | 'versions' | 'lineage'

export interface DetailsProps {
  target: Target
  objectKey: string
  versionId?: string
  zones: Zone[] | undefined
  versioned: boolean
  onClose: () => void
}

export function Details({ target, objectKey: key, versionId, zones, versioned, onClose }: DetailsProps) {
  const { bucket } = target
  const [tab, setTab] = useState<Tab>('details')
  const [large, setLarge] = useState(false)
  const facts = useLoad((signal) => headObject(bucket, key, versionId, signal), [bucket, key, versionId])
  const asked = { action: versionId ? 's3:GetObjectVersion' : 's3:GetObject', resource: `${bucket}/${key}` }
  const zone = zoneOf(zones, key)
  const entry = { kind: 'object' as const, key, size: facts.value?.size ?? 0, etag: facts.value?.etag ?? '', versionId }
  const after: Target = {
    ...target,
    reload: () => {
      target.reload()
      onClose()
    },
  }
  const tabs: { id: Tab; label: string }[] = [
    { id: 'details', label: 'Details' },
    { id: 'preview', label: 'Preview' },
    ...(versioned ? [{ id: 'versions' as const, label: 'Versions' }] : []),
    { id: 'lineage', label: 'Lineage' },
  ]
  return (
    <aside
      class={`details ${large ? 'large' : ''}`}
      aria-label={`Object ${visible(key)}`}
      onKeyDown={(event) => {
        if (event.key !== 'Escape' || event.defaultPrevented) return
        if (large) setLarge(false)
        else onClose()
      }}
    >
      <div class="details-head">
        <h2 class="grow break" data-testid="details-name">
          {visible(baseName(key)) || '(the folder itself)'}
        </h2>
        <Button icon={large ? 'shrink' : 'grow'} kind="plain" small label={large ? 'Smaller' : 'Larger'} class="wide-only" onClick={() => setLarge(!large)} />
        <Button icon="close" kind="plain" small label="Close the details" onClick={onClose} />
      </div>
      <div class="row wrap details-actions">
        <Button small kind="primary" icon="download" onClick={() => void downloadObject(bucket, key, versionId)}>
          Download
        </Button>
        <Button small icon="link" onClick={() => shareObject(bucket, key, versionId)}>
          Share
        </Button>
        <Menu
          small
          label="More actions"
          entries={[
            { label: 'Copy to…', icon: 'copy', run: () => copyEntries(after, [entry], 'copy') },
            { label: 'Move to…', icon: 'move', run: () => copyEntries(after, [entry], 'move') },
            { label: 'Rename…', icon: 'edit', run: () => copyEntries(after, [entry], 'rename') },
            { label: versionId ? 'Delete this version…' : 'Delete…', icon: 'trash', danger: true, rule: true, run: () => deleteEntries({ ...after, versions: versionId !== undefined }, [entry]) },
          ]}
        />
        {versionId && <Badge title={versionId}>an older version</Badge>}
        {zone && <ZoneBadge zone={zone} />}
      </div>
      <Tabs tabs={tabs} value={tab} onChange={setTab} label="About the object" />
      <div class="details-body" role="tabpanel" aria-label={tab} tabIndex={0}>
        {tab === 'details' && <Load of={facts} asked={asked}>{(value) => <Facts bucket={bucket} objectKey={key} versionId={versionId} facts={value} />}</Load>}
        {tab === 'preview' && <Load of={facts} asked={asked}>{(value) => <Preview bucket={bucket} objectKey={key} versionId={versionId} facts={value} />}</Load>}
        {tab === 'versions' && <Versions bucket={bucket} objectKey={key} current={versionId} />}
        {tab === 'lineage' && <LineageOf bucket={bucket} objectKey={key} versionId={versionId} />}
      </div>
    </aside>
  )
}

function Facts({ bucket, objectKey: key, versionId, facts }: { bucket: string; objectKey: string; versionId?: string; facts: ObjectFacts }) {
  const none = <span class="muted">none</span>
  return (
    <div class="stack">
      {facts.duplicateOf && (
        <Note tone="warn" icon="copy">
          <span>
            The same bytes as <a href={href('browse', { bucket, prefix: folderOf(facts.duplicateOf), key: facts.duplicateOf })}>{visible(facts.duplicateOf)}</a>
          </span>
        </Note>
      )}
      <dl class="facts">
        <dt>Key</dt>
        <dd class="mono">{visible(key)}</dd>
        <dt>Size</dt>
        <dd>
          {format.bytes(facts.size)} <span class="muted">({format.count(facts.size)} bytes)</span>
        </dd>
        <dt>Type</dt>
        <dd>{visible(facts.type) || none}</dd>
        <dt>Modified</dt>
        <dd>{format.time(facts.modified)}</dd>
        <dt>ETag</dt>
        <dd class="mono">{facts.etag.replaceAll('"', '')}</dd>
        {facts.versionId && (
          <>
            <dt>Version</dt>
            <dd class="mono">{facts.versionId}</dd>
          </>
        )}
        <dt>Storage class</dt>
        <dd>{facts.storageClass}</dd>
        {facts.zone && (
          <>
            <dt>Zone</dt>
            <dd>{facts.zone}</dd>
          </>
        )}
        {facts.headers.map(([name, value]) => (
          <Pair key={name} name={name} value={value} />
        ))}
      </dl>
      <h3>Checksums</h3>
      {facts.checksums.length === 0 ? none : <Pairs of={facts.checksums} mono />}
      <h3>Metadata</h3>
      {facts.metadata.length === 0 ? none : <Pairs of={facts.metadata} />}
      <ObjectTags at={{ bucket, key, versionId }} />
      <CopyField label="S3 address" value={`s3://${bucket}/${key}`} />
    </div>
  )
}

function Pair({ name, value, mono }: { name: string; value: string; mono?: boolean }) {
  return (
    <>
      <dt>{visible(name)}</dt>
      <dd class={mono ? 'mono' : ''}>{visible(value)}</dd>
    </>
  )
}

function Pairs({ of, mono }: { of: [string, string][]; mono?: boolean }) {
  return (
    <dl class="facts">
      {of.map(([name, value]) => (
        <Pair key={name} name={name} value={value} mono={mono} />
      ))}
    </dl>
  )
}

/** Pages looked at for the versions of one key: others begin with the same letters. */
const VERSION_PAGES_MAX = 5

function Versions({ bucket, objectKey: key, current }: { bucket: string; objectKey: string; current?: string }) {
  const versions = useLoad(
    async (signal) => {
      const found = []
      let at
      for (let page = 0; page < VERSION_PAGES_MAX; page++) {
        const listed = await listPage({ bucket, prefix: key, delimiter: '', versions: true, at, signal })
        found.push(...listed.entries.filter((entry) => entry.key === key))
        at = listed.next
        if (!at || listed.entries.at(-1)?.key !== key) break
      }
      return found
    },
    [bucket, key],
  )
  return (
    <Load of={versions} asked={{ action: 's3:ListBucketVersions', resource: bucket }}>
      {(list) => (
        <ul class="versions">
          {list.map((entry) => (
            <li key={entry.versionId} class="version-row">
              <span class="grow">
                <span class="row wrap">
                  {entry.kind === 'marker' ? (
                    <Badge tone="danger">delete marker</Badge>
                  ) : (
                    <a href={href('browse', { bucket, prefix: folderOf(key), key, version: entry.versionId })}>{format.time(entry.modified)}</a>
                  )}
                  {entry.latest && <Badge tone="accent">newest</Badge>}
                  {current === entry.versionId && <Badge tone="info">shown</Badge>}
                </span>
                <span class="muted mono break">{entry.versionId}</span>
              </span>
              <span class="num nowrap">{entry.kind === 'marker' ? format.time(entry.modified) : format.bytes(entry.size)}</span>
            </li>
          ))}
        </ul>
      )}
    </Load>
  )
}

function LineageOf({ bucket, objectKey: key, versionId }: { bucket: string; objectKey: string; versionId?: string }) {
  const found = useLoad((signal) => lineage(bucket, key, versionId, signal), [bucket, key, versionId])
  return (
    <Load of={found} asked={{ action: 'lakegate:GetObjectLineage', resource: `${bucket}/${key}` }}>
      {(value) => (
        <div class="stack">
          <h3>Made from</h3>
          <Edges edges={value.Sources ?? []} none="Nothing is recorded: it was uploaded, or written without naming its sources." />
          <h3>Used for</h3>
          <Edges edges={value.Derived ?? []} none="Nothing is recorded as made from it." />
          {value.IsTruncated && <p class="muted">There is more; only the first edges are shown.</p>}
        </div>
      )}
    </Load>
  )
}

function Edges({ edges, none }: { edges: LineageEdge[]; none: string }) {
  if (edges.length === 0) return <p class="muted">{none}</p>
  return (
    <ul class="edges">
      {edges.map((edge) => (
        <li key={`${edge.Id}-${edge.Of}`} class={`edge level-${Math.min(edge.Level, 5)}`}>
          {edge.Hidden || !edge.Bucket ? (
            <span class="muted">something that you may not read</span>
          ) : edge.Gone ? (
            <span class="mono break">
              {edge.Bucket}/{visible(edge.Key ?? '')} <Badge tone="danger">gone</Badge>
            </span>
          ) : (
            <a class="mono break" href={href('browse', { bucket: edge.Bucket, prefix: folderOf(edge.Key ?? ''), key: edge.Key, version: edge.VersionId === 'null' ? undefined : edge.VersionId })}>
              {edge.Bucket}/{visible(edge.Key ?? '')}
            </a>
          )}
          <span class="muted">
            {[edge.Kind, edge.Zone && `zone ${edge.Zone}`, format.time(edge.At), edge.By].filter(Boolean).join(' · ')}
          </span>
        </li>
      ))}
    </ul>
  )
}
