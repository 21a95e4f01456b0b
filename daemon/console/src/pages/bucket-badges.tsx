import type { Access, Zone } from '../s3/buckets'
import { Badge, type Tone } from '../ui'

const STAGES: [RegExp, Tone][] = [
  [/^(raw|landing|bronze)$/i, 'warn'],
  [/^(trusted|staging|processed|silver)$/i, 'info'],
  [/^(refined|final|aggregated|gold)$/i, 'ok'],
]

/** raw before trusted before refined before others, for lists of zones. */
export function stageOf(name: string): number {
  const stage = STAGES.findIndex(([names]) => names.test(name))
  return stage < 0 ? STAGES.length : stage
}

export function ZoneBadge({ zone }: { zone: Zone }) {
  const tone = STAGES.find(([names]) => names.test(zone.Name))?.[1] ?? 'violet'
  const rules = [zone.WriteOnce && 'write-once', zone.Duplicates && zone.Duplicates !== 'allow' && `duplicates: ${zone.Duplicates}`, zone.RetentionDays && `kept for ${zone.RetentionDays} days`]
  return (
    <Badge tone={tone} title={[zone.Prefix ? `below ${zone.Prefix}` : 'the whole bucket', ...rules].filter(Boolean).join(', ')}>
      {zone.Name}
    </Badge>
  )
}

const SHOWN_MAX = 4

export function ZoneBadges({ zones }: { zones: Zone[] | undefined }) {
  if (!zones?.length) return null
  return (
    <span class="row zone-badges">
      {zones.slice(0, SHOWN_MAX).map((zone) => (
        <ZoneBadge key={zone.Name} zone={zone} />
      ))}
      {zones.length > SHOWN_MAX && <span class="muted">and {zones.length - SHOWN_MAX} more</span>}
    </span>
  )
}

export function AccessBadge({ access }: { access: Access | undefined }) {
  if (access === 'open')
    return (
      <Badge tone="danger" icon="globe" title="Everybody may do something here: see the bucket's policy and ACL">
        public
      </Badge>
    )
  if (access === 'blocked')
    return (
      <Badge tone="warn" icon="lock" title="Policy or ACL would open it; the public access block keeps it closed">
        public, blocked
      </Badge>
    )
  return access === 'private' ? <span class="muted">private</span> : null
}
