/* Modal dialogs. The native element keeps the focus inside, closes on Escape and hides the page from screen readers.
 *
 * openDialog(close => <Dialog …/>) shows one from anywhere; confirmAction() asks before something is destroyed. */
import { signal } from '@preact/signals'
import type { ComponentChildren, VNode } from 'preact'
import { useId, useLayoutEffect, useRef, useState } from 'preact/hooks'
import { Button, Field } from './basics'
import { ErrorView, type Asked } from './errors'

interface Open {
  id: number
  render: (close: () => void) => VNode
}

const open = signal<Open[]>([])
let nextId = 1

export function openDialog(render: (close: () => void) => VNode): () => void {
  const id = nextId++
  open.value = [...open.value, { id, render }]
  return () => closeDialog(id)
}

function closeDialog(id: number): void {
  open.value = open.value.filter((dialog) => dialog.id !== id)
}

export function closeAllDialogs(): void {
  open.value = []
}

/** Once in the shell. */
export function Dialogs() {
  return (
    <>
      {open.value.map((dialog) => (
        <div key={dialog.id}>{dialog.render(() => closeDialog(dialog.id))}</div>
      ))}
    </>
  )
}

export interface DialogProps {
  title: ComponentChildren
  onClose: () => void
  children: ComponentChildren
  /** buttons; the last one is the action */
  foot?: ComponentChildren
  wide?: boolean
  /** makes the dialog a form: Enter submits */
  onSubmit?: () => void
}

export function Dialog({ title, onClose, children, foot, wide, onSubmit }: DialogProps) {
  const ref = useRef<HTMLDialogElement>(null)
  const id = useId()
  /* Before the next event, as in a menu. */
  useLayoutEffect(() => {
    const before = document.activeElement as HTMLElement | null
    const dialog = ref.current
    if (dialog && !dialog.open) dialog.showModal()
    return () => {
      dialog?.close()
      before?.focus?.()
    }
  }, [])
  const inner = (
    <>
      <div class="dialog-head">
        <h2 id={id} class="grow">
          {title}
        </h2>
        <Button icon="close" kind="plain" small label="Close" onClick={onClose} />
      </div>
      <div class="dialog-body">{children}</div>
      {foot && <div class="dialog-foot">{foot}</div>}
    </>
  )
  return (
    <dialog
      ref={ref}
      class={`dialog ${wide ? 'wide' : ''}`}
      aria-labelledby={id}
      onCancel={(event) => {
        event.preventDefault()
        onClose()
      }}
    >
      {onSubmit ? (
        <form
          onSubmit={(event) => {
            event.preventDefault()
            onSubmit()
          }}
        >
          {inner}
        </form>
      ) : (
        inner
      )}
    </dialog>
  )
}

export interface Confirm {
  title: string
  /** what will happen, and that it cannot be undone, if so */
  children: ComponentChildren
  /** the verb on the button */
  action: string
  /** to be typed before the button works */
  typed?: string
  danger?: boolean
  /** does it; what it throws is shown in the dialog, which stays */
  run: () => Promise<void>
}

export function confirmAction(confirm: Confirm): void {
  openDialog((close) => <ConfirmDialog {...confirm} onClose={close} />)
}

function ConfirmDialog({ title, children, action, typed, danger = true, run, onClose }: Confirm & { onClose: () => void }) {
  const [text, setText] = useState('')
  return (
    <FormDialog title={title} action={action} kind={danger ? 'danger' : 'primary'} ready={typed === undefined || text === typed} run={run} onClose={onClose}>
      {children}
      {typed !== undefined && <Field label={`Type ${typed} to confirm`} value={text} onInput={setText} mono autofocus />}
    </FormDialog>
  )
}

export interface FormDialogProps {
  title: string
  /** the verb on the button */
  action: string
  kind?: 'primary' | 'danger'
  wide?: boolean
  /** may it be done as it is? */
  ready?: boolean
  /** instead of a button that does nothing while it is not ready: says what is missing */
  onTry?: () => void
  run: () => Promise<void>
  onClose: () => void
  /** instead of closing, when it is left without doing it */
  onCancel?: () => void
  onError?: (error: unknown) => void
  /** what was asked for, to say why it was denied */
  asked?: Asked
  /** what stands below the error */
  help?: (error: unknown) => ComponentChildren
  children: ComponentChildren
}

/** A dialog that does one thing with what is typed: busy while it runs, and it stays with the error when it fails. */
export function FormDialog({ title, action, kind = 'primary', wide, ready = true, onTry, run, onClose, onCancel = onClose, onError, asked, help, children }: FormDialogProps) {
  const [busy, setBusy] = useState(false)
  const [error, setError] = useState<unknown>(null)
  const submit = async () => {
    onTry?.()
    if (!ready || busy) return
    setBusy(true)
    setError(null)
    try {
      await run()
      onClose()
    } catch (thrown) {
      setError(thrown)
      onError?.(thrown)
      setBusy(false)
    }
  }
  return (
    <Dialog
      title={title}
      wide={wide}
      onClose={onCancel}
      onSubmit={submit}
      foot={
        <>
          <Button onClick={onCancel}>Cancel</Button>
          <Button type="submit" kind={kind} disabled={!ready && !onTry} busy={busy}>
            {action}
          </Button>
        </>
      }
    >
      {children}
      {error !== null && <ErrorView error={error} asked={asked} />}
      {error !== null && help?.(error)}
    </Dialog>
  )
}
