/* Who is logged in. The keys are those of a session and end with it; the secret that was typed is not kept. They
 * live in this page's memory, or, when asked at login, in sessionStorage: until the tab closes. */
import { computed, signal } from '@preact/signals'

export interface Session {
  accessKeyId: string
  secretAccessKey: string
  sessionToken: string
  /** milliseconds since 1970, by the daemon's clock */
  expires: number
  /** the key that was typed, for signing with it again */
  lastingKeyId: string
  arn: string
  account: string
  region: string
  kept: boolean
}

const STORED = 'lakegate.session'

function restore(): Session | null {
  try {
    const text = window.sessionStorage.getItem(STORED)
    const stored = text ? (JSON.parse(text) as Session) : null
    return stored && typeof stored.expires === 'number' ? stored : null
  } catch {
    return null
  }
}

export const session = signal<Session | null>(typeof window === 'undefined' ? null : restore())
/** why the login page is shown, when it is not the first time */
export const signedOutBecause = signal('')

export function beginSession(begun: Session): void {
  try {
    if (begun.kept) window.sessionStorage.setItem(STORED, JSON.stringify(begun))
    else window.sessionStorage.removeItem(STORED)
  } catch {
    /* storage may be off: then the session is in memory only */
  }
  signedOutBecause.value = ''
  session.value = begun
}

/** the key of a session that ended by itself, to be typed no second time */
export let lastKeyId = ''

export function endSession(because = ''): void {
  lastKeyId = because ? (session.value?.lastingKeyId ?? '') : ''
  try {
    window.sessionStorage.removeItem(STORED)
  } catch {
    /* as above */
  }
  signedOutBecause.value = because
  session.value = null
}

export function currentSession(): Session {
  if (!session.value) throw new Error('Nobody is logged in')
  return session.value
}

/** "user/anna" of arn:aws:iam::000000000001:user/anna */
export const principalName = computed(() => session.value?.arn.split(':').slice(5).join(':') ?? '')
export const isRoot = computed(() => principalName.value === 'root')
