/* Says that the session is about to end, and goes on with a new one for who types the secret again: what is under way
 * (uploads, a page half filled in) stays. */
import { useEffect, useState } from 'preact/hooks'
import { serverNow } from './s3/clock'
import { renew } from './s3/login'
import { endSession, session } from './s3/session'
import { Button, Dialog, ErrorView, Field, format, Icon, openDialog, toast } from './ui'

const WARN_MS = 5 * 60_000
const LOOK_MS = 15_000

export function SessionWatch() {
  const now = session.value
  const [left, setLeft] = useState(Infinity)
  useEffect(() => {
    if (!now?.expires) return setLeft(Infinity)
    const look = () => {
      const rest = now.expires - serverNow()
      setLeft(rest)
      if (rest <= 0) endSession('Your session has ended. Log in again; uploads can be resumed then.')
    }
    look()
    const timer = window.setInterval(look, LOOK_MS)
    return () => window.clearInterval(timer)
  }, [now])
  if (!now || left > WARN_MS || left <= 0) return null
  return (
    <div class="session-ends" role="status">
      <Icon name="history" />
      <span class="grow">Your session ends in {format.duration(left / 1000)}.</span>
      {now.lastingKeyId && (
        <Button small onClick={() => openDialog((close) => <Renew onClose={close} />)}>
          Go on
        </Button>
      )}
    </div>
  )
}

function Renew({ onClose }: { onClose: () => void }) {
  const [secret, setSecret] = useState('')
  const [busy, setBusy] = useState(false)
  const [error, setError] = useState<unknown>(null)
  const submit = async () => {
    setBusy(true)
    setError(null)
    try {
      await renew(secret.trim())
      onClose()
      toast('Your session goes on')
    } catch (thrown) {
      setError(thrown)
      setBusy(false)
    }
  }
  return (
    <Dialog
      title="Go on with a new session"
      onClose={onClose}
      onSubmit={() => void submit()}
      foot={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button type="submit" kind="primary" busy={busy} disabled={!secret}>
            Go on
          </Button>
        </>
      }
    >
      <Field label={`Secret key of ${session.value?.lastingKeyId ?? ''}`} type="password" value={secret} onInput={setSecret} mono autofocus required autocomplete="current-password" />
      {error !== null && <ErrorView error={error} />}
    </Dialog>
  )
}
