/* Hash routes: #/PAGE?name=value&… Everything in the hash is percent-encoded by URLSearchParams, so keys with any
 * character come through; and a hash needs no answer from the server, whatever path it serves the console at. */
import { signal } from '@preact/signals'

export interface Route {
  page: string
  params: Record<string, string>
}

export function parseRoute(hash: string): Route {
  const text = hash.replace(/^#\/?/, '')
  const mark = text.indexOf('?')
  const page = mark < 0 ? text : text.slice(0, mark)
  return { page, params: Object.fromEntries(new URLSearchParams(mark < 0 ? '' : text.slice(mark + 1))) }
}

/** The address of a page; parameters that are undefined or empty are left out. */
export function href(page: string, params: Record<string, string | undefined> = {}): string {
  const given = Object.entries(params).filter((pair): pair is [string, string] => pair[1] !== undefined && pair[1] !== '')
  const query = new URLSearchParams(given).toString()
  return `#/${page}${query ? `?${query}` : ''}`
}

/** What browsers hand out as location.hash may be decoded already; href never is. */
function hashNow(): string {
  const mark = window.location.href.indexOf('#')
  return mark < 0 ? '' : window.location.href.slice(mark)
}

export const route = signal<Route>(typeof window === 'undefined' ? { page: '', params: {} } : parseRoute(hashNow()))

export function startRouter(): void {
  window.addEventListener('hashchange', () => {
    route.value = parseRoute(hashNow())
  })
}

export function go(page: string, params: Record<string, string | undefined> = {}, replace = false): void {
  const target = href(page, params)
  if (replace) {
    window.history.replaceState(null, '', target)
    route.value = parseRoute(target)
  } else if (hashNow() !== target) window.location.hash = target.slice(1)
}
