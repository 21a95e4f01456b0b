/* Asks for the lasting key's secret before IAM is asked anything; see s3/lasting.ts. */
import type { ComponentChildren } from 'preact'
import { useState } from 'preact/hooks'
import { forgetLasting, held, mayAskIam, unlock } from '../../s3/lasting'
import { session } from '../../s3/session'
import { Button, Dialog, ErrorView, Field, openDialog } from '../../ui'

export function UnlockForm({ onDone }: { onDone?: () => void }) {
  const known = session.value?.lastingKeyId ?? ''
  const [accessKeyId, setAccessKeyId] = useState(known)
  const [secret, setSecret] = useState('')
  const [busy, setBusy] = useState(false)
  const [error, setError] = useState<unknown>(null)
  const submit = async () => {
    setBusy(true)
    setError(null)
    try {
      await unlock({ accessKeyId: accessKeyId.trim(), secretAccessKey: secret.trim() })
      setSecret('')
      onDone?.()
    } catch (thrown) {
      setError(thrown)
    }
    setBusy(false)
  }
  return (
    <form
      class="stack"
      onSubmit={(event) => {
        event.preventDefault()
        void submit()
      }}
    >
      <p class="muted">
        Your session cannot make lasting keys or change who may do what, so that nobody who gets hold of it can either. Type the secret of your access key; it stays in this page's memory for 15
        minutes after it was last used.
      </p>
      <Field label="Access key" value={accessKeyId} onInput={setAccessKeyId} disabled={known !== ''} mono required autocomplete="username" />
      <Field label="Secret key" type="password" value={secret} onInput={setSecret} mono required autofocus autocomplete="current-password" />
      {error !== null && <ErrorView error={error} />}
      <div>
        <Button type="submit" kind="primary" icon="key" busy={busy}>
          Unlock
        </Button>
      </div>
    </form>
  )
}

/** The children once IAM may be asked. */
export function Unlocked({ children }: { children: ComponentChildren }) {
  if (mayAskIam.value) return <>{children}</>
  return (
    <section class="card unlock" aria-labelledby="unlock-title">
      <div class="card-head">
        <h2 id="unlock-title">Unlock administration</h2>
      </div>
      <div class="card-body">
        <UnlockForm />
      </div>
    </section>
  )
}

/** The form in a dialog, for pages that need it for one answer. */
export function askToUnlock(): void {
  openDialog((close) => (
    <Dialog title="Unlock administration" onClose={close}>
      <UnlockForm onDone={close} />
    </Dialog>
  ))
}

export function LockButton() {
  if (!held.value) return null
  return (
    <Button icon="lock" onClick={forgetLasting}>
      Lock
    </Button>
  )
}
