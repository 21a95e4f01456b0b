/* Light, dark, or as the system says. Kept in localStorage. */
import { signal } from '@preact/signals'

export type Theme = 'system' | 'light' | 'dark'
const STORED = 'lakegate.theme'

function stored(): Theme {
  try {
    const text = window.localStorage.getItem(STORED)
    return text === 'light' || text === 'dark' ? text : 'system'
  } catch {
    return 'system'
  }
}

export const theme = signal<Theme>(stored())
const dark = window.matchMedia('(prefers-color-scheme: dark)')

/** what is shown */
export const isDark = signal(false)

function apply(): void {
  isDark.value = theme.value === 'dark' || (theme.value === 'system' && dark.matches)
  document.documentElement.dataset.theme = isDark.value ? 'dark' : 'light'
}

export function startTheme(): void {
  dark.addEventListener('change', apply)
  apply()
}

export function setTheme(chosen: Theme): void {
  theme.value = chosen
  try {
    if (chosen === 'system') window.localStorage.removeItem(STORED)
    else window.localStorage.setItem(STORED, chosen)
  } catch {
    /* only for this page then */
  }
  apply()
}
