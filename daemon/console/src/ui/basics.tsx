/* Small parts: buttons, badges, notes, fields, progress. All text goes through Preact's escaping; nothing here takes
 * HTML. */
import type { ComponentChildren } from 'preact'
import { useEffect, useId, useRef, useState } from 'preact/hooks'
import type { TargetedMouseEvent } from 'preact'
import { Icon, type IconName } from './icons'
import { copyText } from './clipboard'

export interface ButtonProps {
  children?: ComponentChildren
  icon?: IconName
  kind?: 'primary' | 'danger' | 'plain' | 'link'
  small?: boolean
  /** the name for screen readers of a button that has only an icon, and its tooltip */
  label?: string
  disabled?: boolean
  busy?: boolean
  type?: 'button' | 'submit'
  onClick?: (event: TargetedMouseEvent<HTMLButtonElement>) => void
  class?: string
  expanded?: boolean
  testid?: string
}

export function Button({ children, icon, kind, small, label, disabled, busy, type = 'button', onClick, class: extra = '', expanded, testid }: ButtonProps) {
  return (
    <button
      type={type}
      class={`button ${kind ?? ''} ${small ? 'small' : ''} ${children ? '' : 'icon-only'} ${extra}`}
      aria-label={label}
      title={children ? undefined : label}
      disabled={disabled || busy}
      aria-busy={busy || undefined}
      aria-expanded={expanded}
      onClick={onClick}
      data-testid={testid}
    >
      {busy ? <span class="spinner" /> : icon && <Icon name={icon} />}
      {children}
    </button>
  )
}

export function LinkButton({ href, icon, children, kind, small }: { href: string; icon?: IconName; children: ComponentChildren; kind?: 'primary' | 'plain'; small?: boolean }) {
  return (
    <a class={`button ${kind ?? ''} ${small ? 'small' : ''}`} href={href}>
      {icon && <Icon name={icon} />}
      {children}
    </a>
  )
}

export type Tone = 'accent' | 'ok' | 'warn' | 'danger' | 'info' | 'violet'

export function Badge({ tone, icon, title, children }: { tone?: Tone; icon?: IconName; title?: string; children: ComponentChildren }) {
  return (
    <span class={`badge ${tone ?? ''}`} title={title}>
      {icon && <Icon name={icon} />}
      {children}
    </span>
  )
}

export function Note({ tone = 'info', icon, children, role }: { tone?: 'info' | 'danger' | 'warn' | 'ok'; icon?: IconName; children: ComponentChildren; role?: 'alert' | 'status' }) {
  return (
    <div class={`note ${tone}`} role={role}>
      <Icon name={icon ?? (tone === 'info' ? 'info' : tone === 'ok' ? 'check' : 'warn')} />
      <div class="note-body">{children}</div>
    </div>
  )
}

export interface FieldProps {
  label: string
  value: string
  onInput: (value: string) => void
  hint?: ComponentChildren
  problem?: string
  type?: 'text' | 'password' | 'number' | 'date' | 'datetime-local' | 'url' | 'search'
  multiline?: boolean
  rows?: number
  mono?: boolean
  autofocus?: boolean
  required?: boolean
  disabled?: boolean
  placeholder?: string
  autocomplete?: string
  name?: string
}

export function Field({ label, value, onInput, hint, problem, type = 'text', multiline, rows, mono, autofocus, required, disabled, placeholder, autocomplete = 'off', name }: FieldProps) {
  const id = useId()
  const common = {
    id,
    name,
    value,
    required,
    disabled,
    placeholder,
    autoFocus: autofocus,
    spellcheck: false,
    autocapitalize: 'off' as const,
    'aria-invalid': problem ? true : undefined,
    'aria-describedby': problem ? `${id}-problem` : hint ? `${id}-hint` : undefined,
    onInput: (event: Event) => onInput((event.currentTarget as HTMLInputElement).value),
  }
  return (
    <div class="field">
      <label for={id}>{label}</label>
      {multiline ? <textarea class="textarea" rows={rows} {...common} /> : <input class={`input ${mono ? 'mono' : ''}`} type={type as 'text'} autoComplete={autocomplete} {...common} />}
      {hint && !problem && (
        <span class="hint" id={`${id}-hint`}>
          {hint}
        </span>
      )}
      {problem && (
        <span class="problem" id={`${id}-problem`}>
          {problem}
        </span>
      )}
    </div>
  )
}

export function Select({ label, value, onChange, options, hint }: { label: string; value: string; onChange: (value: string) => void; options: { value: string; label: string }[]; hint?: ComponentChildren }) {
  const id = useId()
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <select class="select" id={id} value={value} aria-describedby={hint ? `${id}-hint` : undefined} onChange={(event) => onChange(event.currentTarget.value)}>
        {options.map((option) => (
          <option key={option.value} value={option.value}>
            {option.label}
          </option>
        ))}
      </select>
      {hint && (
        <span class="hint" id={`${id}-hint`}>
          {hint}
        </span>
      )}
    </div>
  )
}

export function Check({ label, checked, onChange, hint, disabled }: { label: ComponentChildren; checked: boolean; onChange: (checked: boolean) => void; hint?: ComponentChildren; disabled?: boolean }) {
  return (
    <label class="check">
      <input type="checkbox" checked={checked} disabled={disabled} onChange={(event) => onChange(event.currentTarget.checked)} />
      <span>
        {label}
        {hint && <span class="muted"> {hint}</span>}
      </span>
    </label>
  )
}

/** portion: 0 to 1 */
export function Bar({ portion, label, danger }: { portion: number; label: string; danger?: boolean }) {
  const percent = Math.round(Math.min(1, Math.max(0, portion)) * 1000) / 10
  return (
    <div class={`bar ${danger ? 'danger' : ''}`} role="progressbar" aria-label={label} aria-valuenow={Math.round(percent)} aria-valuemin={0} aria-valuemax={100}>
      <span style={{ width: `${percent}%` }} />
    </div>
  )
}

export function Spinner({ label = 'Loading' }: { label?: string }) {
  return (
    <span role="status">
      <span class="spinner" />
      <span class="sr">{label}</span>
    </span>
  )
}

export function Empty({ icon, title, children }: { icon: IconName; title: string; children?: ComponentChildren }) {
  return (
    <div class="empty">
      <Icon name={icon} />
      <h2>{title}</h2>
      {children}
    </div>
  )
}

/** A text that is there to be copied, with a button that also works without the clipboard API. */
export function CopyField({ label, value, multiline }: { label: string; value: string; multiline?: boolean }) {
  const id = useId()
  const [copied, setCopied] = useState('')
  const onCopy = async () => {
    const done = await copyText(value, document.getElementById(id))
    setCopied(done ? 'Copied' : 'Press Ctrl+C to copy what is selected')
  }
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <div class="copy">
        {multiline ? (
          <textarea class="textarea" id={id} readOnly value={value} />
        ) : (
          <input class="input" id={id} readOnly value={value} onFocus={(event) => event.currentTarget.select()} />
        )}
        <Button icon={copied === 'Copied' ? 'check' : 'copy'} onClick={onCopy}>
          {copied === 'Copied' ? 'Copied' : 'Copy'}
        </Button>
      </div>
      <span class="hint" role="status">
        {copied === 'Copied' ? '' : copied}
      </span>
    </div>
  )
}

export function Tabs<T extends string>({ tabs, value, onChange, label }: { tabs: { id: T; label: ComponentChildren }[]; value: T; onChange: (id: T) => void; label: string }) {
  const onKey = (event: KeyboardEvent) => {
    const step = event.key === 'ArrowRight' ? 1 : event.key === 'ArrowLeft' ? -1 : 0
    if (!step) return
    const at = tabs.findIndex((tab) => tab.id === value)
    const next = tabs[(at + step + tabs.length) % tabs.length]
    if (!next) return
    event.preventDefault()
    onChange(next.id)
    ;(event.currentTarget as HTMLElement).querySelectorAll<HTMLElement>('[role=tab]')[tabs.indexOf(next)]?.focus()
  }
  /* On a narrow screen the one that is shown may be beside it. */
  const ref = useRef<HTMLDivElement>(null)
  useEffect(() => ref.current?.querySelector('[aria-selected=true]')?.scrollIntoView({ block: 'nearest', inline: 'nearest' }), [value])
  return (
    <div class="tabs" role="tablist" ref={ref} aria-label={label} onKeyDown={onKey}>
      {tabs.map((tab) => (
        <button key={tab.id} type="button" class="tab" role="tab" aria-selected={tab.id === value} tabIndex={tab.id === value ? 0 : -1} onClick={() => onChange(tab.id)}>
          {tab.label}
        </button>
      ))}
    </div>
  )
}
