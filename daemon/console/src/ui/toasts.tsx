/* Short messages that go away by themselves; errors stay until they are closed. */
import { signal } from '@preact/signals'
import type { ComponentChildren } from 'preact'
import { asApiError, adviceFor } from '../s3/errors'
import { Button } from './basics'
import { Icon } from './icons'

interface Toast {
  id: number
  tone: 'ok' | 'danger'
  content: ComponentChildren
}

const toasts = signal<Toast[]>([])
let nextId = 1
const SHOWN_MS = 5000
const TOASTS_MAX = 4

export function toast(content: ComponentChildren, tone: 'ok' | 'danger' = 'ok'): void {
  const id = nextId++
  toasts.value = [...toasts.value, { id, tone, content }].slice(-TOASTS_MAX)
  if (tone === 'ok') window.setTimeout(() => dismiss(id), SHOWN_MS)
}

export function toastError(thrown: unknown, doing?: string): void {
  const error = asApiError(thrown)
  toast(
    <>
      <strong>{doing ?? error.code}</strong>
      <br />
      {error.message} {adviceFor(error)}
    </>,
    'danger',
  )
}

function dismiss(id: number): void {
  toasts.value = toasts.value.filter((shown) => shown.id !== id)
}

export function Toasts() {
  return (
    <div class="toasts" role="status" aria-live="polite">
      {toasts.value.map((shown) => (
        <div key={shown.id} class={`toast ${shown.tone}`}>
          <Icon name={shown.tone === 'ok' ? 'check' : 'warn'} />
          <div class="grow">{shown.content}</div>
          <Button small kind="plain" icon="close" label="Dismiss" onClick={() => dismiss(shown.id)} />
        </div>
      ))}
    </div>
  )
}
