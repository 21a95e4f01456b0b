/* IAM refuses sessions of GetSessionToken, so that a stolen one cannot make lasting keys. Who administers users types
 * the lasting key's secret once more; it is kept in this page's memory alone, and forgotten a quarter of an hour after
 * it was last used, at the log-out, and on request. Sessions of roles need none: IAM takes them. */
import { computed, signal } from '@preact/signals'
import { ApiError } from './errors'
import { queryApi, xmlText } from './fetch'
import { currentSession, session } from './session'
import type { Keys } from './sign'

const IDLE_MS = 15 * 60_000

interface Held {
  keys: Keys
  arn: string
}

export const held = signal<Held | null>(null)
let timer: number | undefined

/** A session that IAM takes as it is. */
export const sessionSuffices = computed(() => session.value?.arn.includes(':assumed-role/') === true)
export const mayAskIam = computed(() => sessionSuffices.value || held.value !== null)

export function forgetLasting(): void {
  window.clearTimeout(timer)
  held.value = null
}

function hold(next: Held): void {
  window.clearTimeout(timer)
  timer = window.setTimeout(forgetLasting, IDLE_MS)
  if (held.value !== next) held.value = next
}

/* A session that is made anew before it ends is still the same person's. */
let whose = session.value?.arn
session.subscribe((now) => {
  if (now?.arn !== whose) forgetLasting()
  whose = now?.arn
})

/** Checks the keys by asking whose they are; they must be those of who is logged in, if that was by lasting keys. */
export async function unlock(keys: Keys): Promise<void> {
  const { arn, region, lastingKeyId } = currentSession()
  const answer = await queryApi('sts', 'GetCallerIdentity', {}, { keys, region })
  const whose = xmlText(answer, 'Arn')
  if (lastingKeyId && whose !== arn) throw new ApiError('OtherIdentity', `This key belongs to ${whose}, and you are logged in as ${arn}.`, 0)
  hold({ keys, arn: whose })
}

/** The keys that IAM's requests are signed with. */
export function iamKeys(): Keys {
  if (sessionSuffices.value) return currentSession()
  if (!held.value) throw new ApiError('SecretNeeded', 'Users, roles and policies are administered with the lasting key: type its secret again.', 0)
  hold(held.value)
  return held.value.keys
}
