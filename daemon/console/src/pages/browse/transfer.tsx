/* Downloads and share links. */
import { useEffect, useState } from 'preact/hooks'
import { serverNow } from '../../s3/clock'
import { queryApi } from '../../s3/fetch'
import { currentSession } from '../../s3/session'
import { endpoint } from '../../s3/endpoint'
import { headObject, listPage } from '../../s3/objects'
import { linkEndpoint, serverConfig } from '../../s3/server'
import { presign, type Keys } from '../../s3/sign'
import { Button, CopyField, Dialog, ErrorView, Field, format, Note, openDialog, Select, toastError } from '../../ui'
import { visible } from '../../ui/format'
import { baseName, fileName } from './names'

/** How long the address of a download may wait for the browser to follow it. */
const DOWNLOAD_SECONDS = 300

/** Browsers save what an anchor with a download attribute leads to, of the same origin, whatever it is. */
function save(url: string, name: string): void {
  const anchor = document.createElement('a')
  anchor.href = url
  anchor.download = name
  document.body.append(anchor)
  anchor.click()
  anchor.remove()
}

function disposition(name: string): string {
  const plain = name.replace(/[^\x20-\x7e]|["\\%]/g, '_')
  const encoded = encodeURIComponent(name).replace(/['()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`)
  return `attachment; filename="${plain}"; filename*=UTF-8''${encoded}`
}

export async function downloadObject(bucket: string, key: string, versionId?: string): Promise<void> {
  try {
    const query: Record<string, string> = { 'response-content-disposition': disposition(fileName(key)) }
    if (versionId) query.versionId = versionId
    /* What is denied or gone is told here; a download that fails tells nothing. */
    await headObject(bucket, key, versionId)
    save(await presign({ method: 'GET', bucket, key, query }, DOWNLOAD_SECONDS), fileName(key))
  } catch (thrown) {
    toastError(thrown, 'The download could not be started')
  }
}

/** A folder, or the whole bucket, as one zip that the daemon makes as it is read. */
export async function downloadFolder(bucket: string, prefix: string): Promise<void> {
  try {
    await listPage({ bucket, prefix, delimiter: '', max: 1 })
    save(await presign({ method: 'GET', bucket, query: { 'lakegate-zip': '', prefix } }, DOWNLOAD_SECONDS), `${fileName(baseName(prefix) || bucket)}.zip`)
  } catch (thrown) {
    toastError(thrown, 'The download could not be started')
  }
}

/* ---- share links ---- */

const LASTS = [
  { value: '900', label: '15 minutes' },
  { value: '3600', label: '1 hour' },
  { value: '43200', label: '12 hours' },
  { value: '86400', label: '1 day' },
  { value: '604800', label: '7 days' },
]

export function shareObject(bucket: string, key: string, versionId?: string): void {
  openDialog((close) => <Share bucket={bucket} key_={key} versionId={versionId} onClose={close} />)
}

function Share({ bucket, key_: key, versionId, onClose }: { bucket: string; key_: string; versionId?: string; onClose: () => void }) {
  const session = currentSession()
  const [seconds, setSeconds] = useState('3600')
  const [secret, setSecret] = useState('')
  const [withKey, setWithKey] = useState(false)
  const [made, setMade] = useState<{ url: string; ends: number } | null>(null)
  const [error, setError] = useState<unknown>(null)
  const [busy, setBusy] = useState(false)
  const asked = serverNow() + Number(seconds) * 1000
  const cut = session.expires > 0 && asked > session.expires
  const query: Record<string, string> = versionId ? { versionId } : {}
  const link = async (lasts: number, keys?: Keys) => {
    const at = linkEndpoint((await serverConfig()).publicUrl, endpoint())
    return presign({ method: 'GET', bucket, key, query, keys, at }, lasts)
  }
  useEffect(() => {
    let live = true
    setMade(null)
    if (withKey) return
    const lasts = cut ? Math.max(1, Math.floor((session.expires - serverNow()) / 1000)) : Number(seconds)
    link(lasts).then(
      (url) => live && setMade({ url, ends: serverNow() + lasts * 1000 }),
      (thrown) => live && setError(thrown),
    )
    return () => {
      live = false
    }
  }, [seconds, withKey])
  const signWithKey = async () => {
    setBusy(true)
    setError(null)
    const keys = { accessKeyId: session.lastingKeyId, secretAccessKey: secret.trim() }
    try {
      /* A link that was signed with a mistyped key would only fail where it is opened. */
      await queryApi('sts', 'GetCallerIdentity', {}, { keys })
      setMade({ url: await link(Number(seconds), keys), ends: serverNow() + Number(seconds) * 1000 })
      setSecret('')
    } catch (thrown) {
      setError(thrown)
    }
    setBusy(false)
  }
  return (
    <Dialog title={`Share ${visible(baseName(key)) || '/'}`} onClose={onClose} onSubmit={withKey && !made ? () => void signWithKey() : undefined} foot={<Button onClick={onClose}>Close</Button>}>
      <p>Whoever has the link can read this object until it ends, as long as you may.</p>
      <Select label="For" value={seconds} onChange={setSeconds} options={LASTS} />
      {cut && !withKey && (
        <Note tone="warn">
          <span>
            The link ends with your session, on <strong>{format.time(session.expires)}</strong>.
          </span>
          {session.lastingKeyId && (
            <span>
              <Button small onClick={() => setWithKey(true)}>
                Sign with the access key instead
              </Button>
            </span>
          )}
        </Note>
      )}
      {session.expires === 0 && <Note tone="warn">You are logged in with temporary credentials: the link ends when they do, if that is earlier.</Note>}
      {withKey && !made && (
        <>
          <Field label={`Secret key of ${session.lastingKeyId}`} type="password" value={secret} onInput={setSecret} mono autofocus required hint="Used for this link only. The link then works until it ends, or the key is disabled." autocomplete="current-password" />
          <span>
            <Button type="submit" kind="primary" busy={busy} disabled={!secret}>
              Make the link
            </Button>
          </span>
        </>
      )}
      {error !== null && <ErrorView error={error} />}
      {made && (
        <>
          <CopyField label="Link" value={made.url} />
          <p class="muted">
            It ends on <strong data-testid="share-end">{format.time(made.ends)}</strong>, or earlier if the {withKey ? 'key is disabled' : session.lastingKeyId ? 'session is closed by logging out' : 'credentials end'}.
          </p>
        </>
      )}
    </Dialog>
  )
}
