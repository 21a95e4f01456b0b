/* A document of a bucket (policy, CORS, zones): read, edited with its places, saved, removed. */
import { useEffect, useRef, useState } from 'preact/hooks'
import type { ComponentChildren } from 'preact'
import { isJson, JsonEditor, pretty, type JsonEditorProps } from '../../editor'
import type { Template } from '../../editor/templates'
import { session } from '../../s3/session'
import { Button, confirmAction, ErrorView, Load, Select, toast, useLoad, type Asked } from '../../ui'

/** What was being written, by who wrote it, bucket and document: to look at another page loses nothing. */
const drafts = new Map<string, string>()

export interface BucketDocument {
  bucket: string
  label: string
  /** the text that is there; '' when there is none */
  read: (signal: AbortSignal) => Promise<string>
  save: (text: string) => Promise<void>
  remove: () => Promise<void>
  /** what removing it means */
  removed: string
  templates: Template[]
  check?: JsonEditorProps['check']
  asked: { read: Asked; save: Asked }
  onChange?: () => void
  /** shown below a refusal; may offer what helps */
  help?: (error: unknown, save: () => void) => ComponentChildren
}

export function DocumentCard(document: BucketDocument) {
  const loaded = useLoad(document.read, [document.bucket])
  return (
    <Load of={loaded} asked={document.asked.read}>
      {(text) => (
        <Editing
          {...document}
          text={text}
          onChange={() => {
            loaded.reload()
            document.onChange?.()
          }}
        />
      )}
    </Load>
  )
}

function Editing({ bucket, label, text: stored, save, remove, removed, templates, check, asked, onChange, help }: BucketDocument & { text: string; onChange: () => void }) {
  const draft = `${session.value?.arn}\n${bucket}\n${label}`
  const [text, setText] = useState(() => drafts.get(draft) ?? pretty(stored))
  const [picked, setPicked] = useState('')
  const [busy, setBusy] = useState(false)
  const [error, setError] = useState<unknown>(null)
  const shown = useRef(stored)
  useEffect(() => {
    if (shown.current !== stored) setText(pretty(stored))
    shown.current = stored
  }, [stored])
  const changed = text !== pretty(stored)
  useEffect(() => {
    if (changed) drafts.set(draft, text)
    else drafts.delete(draft)
  }, [draft, text, changed])
  const submit = async () => {
    setBusy(true)
    setError(null)
    try {
      await save(text)
      toast(`${label}: saved. It acts from the next request on.`)
      onChange()
    } catch (thrown) {
      setError(thrown)
    }
    setBusy(false)
  }
  const ask = () =>
    confirmAction({
      title: `Remove ${label.toLowerCase()}?`,
      children: removed,
      action: 'Remove',
      run: async () => {
        await remove()
        setText('')
        setError(null)
        onChange()
      },
    })
  return (
    <section class="card" aria-label={label}>
      <div class="card-body stack">
        <div class="editor-bar">
          <Select
            label="Template"
            value={picked}
            onChange={(id) => {
              setPicked(id)
              const template = templates.find((candidate) => candidate.id === id)
              if (template) setText(JSON.stringify(template.make(bucket), null, 2))
            }}
            options={[{ value: '', label: stored ? 'Replace by…' : 'Begin with…' }, ...templates.map(({ id, label: name }) => ({ value: id, label: name }))]}
          />
          <span class="row">
            {changed && (
              <Button kind="plain" onClick={() => setText(pretty(stored))}>
                Undo changes
              </Button>
            )}
            {stored && (
              <Button icon="trash" onClick={ask}>
                Remove
              </Button>
            )}
            <Button kind="primary" onClick={() => void submit()} disabled={!changed || !isJson(text)} busy={busy}>
              Save
            </Button>
          </span>
        </div>
        {error !== null && (
          <>
            <ErrorView error={error} asked={asked.save} />
            {help?.(error, () => void submit())}
          </>
        )}
        {text === '' && !changed ? (
          <p class="muted">
            There is none.{' '}
            <Button kind="link" onClick={() => setText('{}')}>
              Write one
            </Button>{' '}
            or begin with a template.
          </p>
        ) : (
          <JsonEditor label={label} value={text} onInput={setText} check={check} refusal={error} tall />
        )}
      </div>
    </section>
  )
}
