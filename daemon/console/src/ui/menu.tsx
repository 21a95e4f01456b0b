/* A button that opens a list of actions: arrows move, Escape and a click elsewhere close. */
import type { ComponentChildren } from 'preact'
import { useLayoutEffect, useRef, useState } from 'preact/hooks'
import { Button } from './basics'
import { Icon, type IconName } from './icons'

export interface MenuEntry {
  label: string
  icon?: IconName
  danger?: boolean
  disabled?: boolean
  /** a line above it */
  rule?: boolean
  run: () => void
}

export interface MenuProps {
  label: string
  entries: MenuEntry[]
  icon?: IconName
  text?: ComponentChildren
  small?: boolean
  kind?: 'plain' | 'primary'
  up?: boolean
  start?: boolean
  /** a button of one's own; gets the props it needs */
  trigger?: (props: { onClick: () => void; 'aria-expanded': boolean; 'aria-haspopup': 'menu' }) => ComponentChildren
}

export function Menu({ label, entries, icon = 'more', text, small, kind = 'plain', up, start, trigger }: MenuProps) {
  const [open, setOpen] = useState(false)
  const ref = useRef<HTMLDivElement>(null)
  /* Before the next event, not the next frame: a key that follows soon is the menu's. */
  useLayoutEffect(() => {
    if (!open) return
    const items = () => [...(ref.current?.querySelectorAll<HTMLElement>('[role=menuitem]:not(:disabled)') ?? [])]
    items()[0]?.focus()
    const away = (event: Event) => {
      if (!ref.current?.contains(event.target as Node)) setOpen(false)
    }
    const key = (event: KeyboardEvent) => {
      const list = items()
      const at = list.indexOf(document.activeElement as HTMLElement)
      if (event.key === 'Escape') {
        event.stopPropagation()
        event.preventDefault()
        setOpen(false)
        ref.current?.querySelector<HTMLElement>('button')?.focus()
      } else if (event.key === 'ArrowDown') list[(at + 1) % list.length]?.focus()
      else if (event.key === 'ArrowUp') list[(at - 1 + list.length) % list.length]?.focus()
      else if (event.key === 'Home') list[0]?.focus()
      else if (event.key === 'End') list.at(-1)?.focus()
      else if (event.key === 'Tab') setOpen(false)
      else return
      if (event.key !== 'Tab') event.preventDefault()
    }
    document.addEventListener('pointerdown', away, true)
    document.addEventListener('keydown', key, true)
    return () => {
      document.removeEventListener('pointerdown', away, true)
      document.removeEventListener('keydown', key, true)
    }
  }, [open])
  const toggle = () => setOpen(!open)
  return (
    <div class="menu" ref={ref}>
      {trigger ? (
        trigger({ onClick: toggle, 'aria-expanded': open, 'aria-haspopup': 'menu' })
      ) : (
        <Button icon={icon} kind={kind === 'primary' ? 'primary' : kind} small={small} label={label} expanded={open} onClick={toggle}>
          {text}
        </Button>
      )}
      {open && (
        <div class={`menu-list ${up ? 'up' : ''} ${start ? 'start' : ''}`} role="menu" aria-label={label}>
          {entries.map((entry) => (
            <div key={entry.label} role="none">
              {entry.rule && <div class="menu-rule" role="separator" />}
              <button
                type="button"
                role="menuitem"
                class={`menu-item ${entry.danger ? 'danger' : ''}`}
                disabled={entry.disabled}
                onClick={() => {
                  setOpen(false)
                  ref.current?.querySelector<HTMLElement>('button')?.focus()
                  entry.run()
                }}
              >
                {entry.icon && <Icon name={entry.icon} />}
                {entry.label}
              </button>
            </div>
          ))}
        </div>
      )}
    </div>
  )
}
