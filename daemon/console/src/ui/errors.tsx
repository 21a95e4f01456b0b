/* What went wrong, and what to do about it. */
import { useEffect, useState } from 'preact/hooks'
import { adviceFor, asApiError, isDenied, type ApiError } from '../s3/errors'
import { mayAskIam } from '../s3/lasting'
import { Button, Note } from './basics'

export interface Asked {
  /** s3:GetObject and the like */
  action: string
  /** an ARN, or bucket[/key] */
  resource?: string
}

/** asked: what was tried, so that who may simulate policies sees which statement decided. */
export function ErrorView({ error, asked, onRetry, title }: { error: unknown; asked?: Asked; onRetry?: () => void; title?: string }) {
  const shown = asApiError(error)
  const advice = adviceFor(shown)
  const denied = isDenied(shown)
  return (
    <Note tone="danger" icon={denied ? 'lock' : 'warn'} role="alert">
      <strong>{title ?? (denied ? 'Denied' : shown.code)}</strong>
      {/* Of a wrong secret AWS's words speak to who writes signers. */}
      {shown.code !== 'SignatureDoesNotMatch' && <span>{shown.message}</span>}
      {advice && <span>{advice}</span>}
      {denied && asked && <WhyDenied error={shown} asked={asked} />}
      <span class="meta">
        {[shown.status ? (shown.code.startsWith('HTTP ') ? shown.code : `${shown.status} ${shown.code}`) : '', shown.requestId && `request ${shown.requestId}`].filter(Boolean).join(' · ')}
      </span>
      {onRetry && (
        <span>
          <Button small icon="reload" onClick={onRetry}>
            Try again
          </Button>
        </span>
      )}
    </Note>
  )
}

/** Which statement decided, for those who may ask. Who may not sees nothing more; who could after typing the secret
 * again is offered to. */
function WhyDenied({ error, asked }: { error: ApiError; asked: Asked }) {
  const [why, setWhy] = useState('')
  const [locked, setLocked] = useState(false)
  const open = mayAskIam.value
  useEffect(() => {
    let live = true
    import('../s3/simulate').then(
      (module) => {
        if (!live) return undefined
        setLocked(!open && module.canBeTold())
        return module.whyDenied(asked).then((text) => live && setWhy(text))
      },
      () => undefined,
    )
    return () => {
      live = false
    }
  }, [error, asked.action, asked.resource, open])
  if (why) return <span data-testid="why-denied">{why}</span>
  if (!locked) return null
  const unlock = () => void import('../pages/access/unlock').then(({ askToUnlock }) => askToUnlock())
  return (
    <span>
      <Button small onClick={unlock}>
        Which statement decided?
      </Button>
    </span>
  )
}
