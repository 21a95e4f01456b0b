import { useState } from 'preact/hooks'
import { Mark } from '../app'
import { logIn } from '../s3/login'
import { lastKeyId, signedOutBecause } from '../s3/session'
import { Button, Check, ErrorView, Field, Note } from '../ui'

export function Login() {
  const [accessKeyId, setAccessKeyId] = useState(lastKeyId)
  const [secretAccessKey, setSecret] = useState('')
  const [sessionToken, setToken] = useState('')
  const [temporary, setTemporary] = useState(false)
  const [kept, setKept] = useState(false)
  const [busy, setBusy] = useState(false)
  const [error, setError] = useState<unknown>(null)
  const submit = async () => {
    setBusy(true)
    setError(null)
    try {
      await logIn({ accessKeyId: accessKeyId.trim(), secretAccessKey: secretAccessKey.trim(), sessionToken: temporary ? sessionToken.trim() : undefined }, kept)
    } catch (thrown) {
      setError(thrown)
      setBusy(false)
    }
  }
  return (
    <main class="login">
      <div class="login-card">
        <h1 class="brand">
          <Mark />
          Lakegate
        </h1>
        {signedOutBecause.value && <Note role="status">{signedOutBecause.value}</Note>}
        <form
          onSubmit={(event) => {
            event.preventDefault()
            void submit()
          }}
        >
          <Field label="Access key" name="access-key" value={accessKeyId} onInput={setAccessKeyId} mono autofocus={!lastKeyId} required autocomplete="username" />
          <Field label="Secret key" name="secret-key" type="password" value={secretAccessKey} onInput={setSecret} mono autofocus={lastKeyId !== ''} required autocomplete="current-password" />
          {temporary && <Field label="Session token" name="session-token" value={sessionToken} onInput={setToken} mono required />}
          <Check label="Stay logged in until this tab closes" checked={kept} onChange={setKept} />
          <Check label="These keys are temporary (with a session token)" checked={temporary} onChange={setTemporary} />
          {error !== null && <ErrorView error={error} title="You could not be logged in" />}
          <Button type="submit" kind="primary" busy={busy}>
            Log in
          </Button>
        </form>
        <p class="login-foot">The secret key is used once, to begin a session, and is not kept.</p>
      </div>
    </main>
  )
}
