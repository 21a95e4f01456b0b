/* Zones: the document, what lies in each, and the duplicates that were found. */
import { useState } from 'preact/hooks'
import type { Template } from '../../editor/templates'
import { go, href } from '../../router'
import { asApiError } from '../../s3/errors'
import { lakegateJson, signedFetch } from '../../s3/fetch'
import { Badge, Bar, Button, Empty, ErrorView, format, Load, Note, useLoad } from '../../ui'
import { stageOf, ZoneBadge } from '../bucket-badges'
import { DocumentCard } from './document'

const document = (...Zones: unknown[]) => ({ Version: '2026-11-01', Zones })
const raw = { Name: 'raw', Prefix: 'raw/', WriteOnce: true, Duplicates: 'reject' }
const trusted = { Name: 'trusted', Prefix: 'trusted/', Duplicates: 'flag', PromoteFrom: ['raw'] }
const refined = { Name: 'refined', Prefix: 'refined/', PromoteFrom: ['trusted'] }

const templates: Template[] = [
  { id: 'lake', label: 'A lake: raw, trusted, refined below prefixes of these names', make: () => document(raw, trusted, refined) },
  { id: 'raw', label: 'The whole bucket is raw: written once, duplicates refused', make: () => document({ ...raw, Prefix: '' }) },
  { id: 'trusted', label: 'The whole bucket is trusted, fed from raw', make: () => document({ ...trusted, Prefix: '', PromoteFrom: ['*/raw', '*/landing', '*/bronze'] }) },
  { id: 'refined', label: 'The whole bucket is refined, fed from trusted', make: () => document({ ...refined, Prefix: '', PromoteFrom: ['*/trusted', '*/staging', '*/processed', '*/silver'] }) },
  { id: 'daily', label: 'Raw that is loaded anew each day under the same keys', make: () => document({ Name: 'raw', Prefix: 'raw/', Duplicates: 'flag' }, trusted, refined) },
  { id: 'kept', label: 'Raw that nobody deletes for 30 days', make: () => document({ ...raw, RetentionDays: 30 }, trusted, refined) },
]

interface ZoneFigures {
  Name: string
  Prefix: string
  Objects: number
  Bytes: number
  MaxObjects: number
  MaxBytes: number
  DuplicatesFound: number
  BytesSaved: number
  Promotions: number
  OldestObject: string | null
  NewestObject: string | null
  Indexing: boolean
  IndexedObjects: number
}

async function readZones(bucket: string, signal: AbortSignal): Promise<{ text: string; byTag: boolean }> {
  try {
    const answer = await lakegateJson<Record<string, unknown>>('lakegate-zones', { bucket, signal })
    const { From, ...shown } = answer
    return { text: JSON.stringify(shown), byTag: From === 'tag' }
  } catch (thrown) {
    if (asApiError(thrown).status === 404 && asApiError(thrown).code === 'NoSuchZonesConfiguration') return { text: '', byTag: false }
    throw thrown
  }
}

export function Zones({ bucket }: { bucket: string }) {
  const [byTag, setByTag] = useState(false)
  const [turn, setTurn] = useState(0)
  const put = (method: string, body?: string) => signedFetch({ method, bucket, query: { 'lakegate-zones': '' }, body })
  return (
    <>
      <Figures key={turn} bucket={bucket} />
      {byTag && (
        <Note>
          The zone comes of the bucket's tag <code>lakegate:zone</code>. A document that is saved here wins over it.
        </Note>
      )}
      <DocumentCard
        bucket={bucket}
        label="Zones"
        read={async (signal) => {
          const found = await readZones(bucket, signal)
          setByTag(found.byTag)
          return found.text
        }}
        save={async (text) => void (await put('PUT', text))}
        remove={async () => void (await put('DELETE'))}
        removed="Nothing is refused, marked or kept because of a zone any more. Objects stay as they are."
        templates={templates}
        asked={{ read: { action: 'lakegate:GetBucketZones', resource: bucket }, save: { action: 'lakegate:PutBucketZones', resource: bucket } }}
        onChange={() => setTurn((before) => before + 1)}
      />
    </>
  )
}

/** What is used of a limit, as a bar; the number alone when there is none. */
function Use({ used, limit, text, label }: { used: number; limit: number; text: (value: number) => string; label: string }) {
  return (
    <>
      {text(used)}
      {limit > 0 && (
        <>
          <span class="muted"> of {text(limit)}</span>
          <Bar portion={used / limit} danger={used / limit > 0.9} label={label} />
        </>
      )}
    </>
  )
}

async function readFigures(bucket: string, signal: AbortSignal): Promise<ZoneFigures[]> {
  try {
    const { Zones: zones } = await lakegateJson<{ Zones: ZoneFigures[] }>('lakegate-zone-stats', { bucket, signal })
    return zones.sort((a, b) => stageOf(a.Name) - stageOf(b.Name))
  } catch (thrown) {
    if (asApiError(thrown).status === 404) return []
    throw thrown
  }
}

function Figures({ bucket }: { bucket: string }) {
  const figures = useLoad((signal) => readFigures(bucket, signal), [bucket])
  return (
    <Load of={figures} asked={{ action: 'lakegate:GetZoneStatistics', resource: bucket }}>
      {(zones) =>
        zones.length === 0 ? null : (
          <div class="card table-wrap">
            <table class="table zone-figures" aria-label="What lies in the zones">
              <thead>
                <tr>
                  <th>Zone</th>
                  <th>Prefix</th>
                  <th class="num">Objects</th>
                  <th class="num">Bytes</th>
                  <th class="num">Duplicates found</th>
                  <th class="num">Saved</th>
                  <th class="num">Promotions</th>
                  <th>Newest</th>
                </tr>
              </thead>
              <tbody>
                {zones.map((zone) => (
                  <tr key={zone.Name}>
                    <td>
                      <ZoneBadge zone={{ Name: zone.Name, Prefix: zone.Prefix }} /> {zone.Indexing && <Badge tone="info">indexing, {format.count(zone.IndexedObjects)} so far</Badge>}
                    </td>
                    <td class="wrap mono">
                      <a href={href('browse', { bucket, prefix: zone.Prefix })}>{format.visible(zone.Prefix) || 'the whole bucket'}</a>
                    </td>
                    <td class="num">
                      <Use used={zone.Objects} limit={zone.MaxObjects} text={format.count} label={`Objects of ${zone.Name}`} />
                    </td>
                    <td class="num">
                      <Use used={zone.Bytes} limit={zone.MaxBytes} text={format.bytes} label={`Bytes of ${zone.Name}`} />
                    </td>
                    <td class="num">
                      <a href={href('bucket', { bucket, tab: 'duplicates', zone: zone.Name })}>{format.count(zone.DuplicatesFound)}</a>
                    </td>
                    <td class="num">{format.bytes(zone.BytesSaved)}</td>
                    <td class="num">{format.count(zone.Promotions)}</td>
                    <td>{format.time(zone.NewestObject ?? undefined)}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        )
      }
    </Load>
  )
}

interface Group {
  SizeBytes: number
  ChecksumCRC64NVME: string
  Count: number
  Keys: string[]
}

interface Groups {
  Groups: Group[]
  IsTruncated: boolean
  NextContinuationToken?: string
}

export function Duplicates({ bucket, zone }: { bucket: string; zone?: string }) {
  const zones = useLoad((signal) => readFigures(bucket, signal), [bucket])
  return (
    <Load of={zones} asked={{ action: 'lakegate:GetZoneStatistics', resource: bucket }}>
      {(all) => {
        const shown = all.find((one) => one.Name === zone) ?? all[0]
        if (!shown) return <Empty icon="zones" title="The bucket has no zones, so nobody looks for duplicates" />
        return (
          <>
            <div class="row wrap" role="group" aria-label="Zone">
              {all.map((one) => (
                <Button key={one.Name} small kind={one === shown ? 'primary' : undefined} onClick={() => go('bucket', { bucket, tab: 'duplicates', zone: one.Name })}>
                  {format.visible(one.Name)}
                </Button>
              ))}
            </div>
            <GroupList key={shown.Name} bucket={bucket} zone={shown.Name} />
          </>
        )
      }}
    </Load>
  )
}

function GroupList({ bucket, zone }: { bucket: string; zone: string }) {
  const [groups, setGroups] = useState<Group[]>([])
  const [token, setToken] = useState('')
  const [next, setNext] = useState('')
  const page = useLoad(
    async (signal) => {
      const answer = await lakegateJson<Groups>('lakegate-duplicates', { bucket, signal, query: { zone, ...(token ? { 'continuation-token': token } : {}) } })
      setGroups((before) => (token ? [...before, ...answer.Groups] : answer.Groups))
      setNext(answer.IsTruncated ? (answer.NextContinuationToken ?? '') : '')
      return answer
    },
    [bucket, zone, token],
  )
  if (page.error !== undefined) return <ErrorView error={page.error} asked={{ action: 'lakegate:ListDuplicates', resource: bucket }} onRetry={page.reload} />
  if (page.value && groups.length === 0) return <Empty icon="check" title="No two objects of this zone have the same bytes" />
  return (
    <>
      <div class="card table-wrap">
        <table class="table" aria-label="Objects with the same bytes">
          <thead>
            <tr>
              <th class="num">Size of each</th>
              <th class="num">Objects</th>
              <th>Keys</th>
            </tr>
          </thead>
          <tbody>
            {groups.map((group) => (
              <tr key={`${group.SizeBytes}/${group.ChecksumCRC64NVME}`}>
                <td class="num nowrap">{format.bytes(group.SizeBytes)}</td>
                <td class="num">{format.count(group.Count)}</td>
                <td class="wrap mono">
                  <span class="keys">
                    {group.Keys.map((key) => (
                      <a key={key} href={href('browse', { bucket, prefix: key.slice(0, key.lastIndexOf('/') + 1), key })}>
                        {format.visible(key)}
                      </a>
                    ))}
                    {group.Count > group.Keys.length && <span class="muted">and {format.count(group.Count - group.Keys.length)} more</span>}
                  </span>
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {next && (
        <div>
          <Button busy={page.loading} onClick={() => setToken(next)}>
            Show more
          </Button>
        </div>
      )}
    </>
  )
}
