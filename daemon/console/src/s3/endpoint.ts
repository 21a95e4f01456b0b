/* Where the daemon is, seen from the page: it is served at PREFIX/-/console/, and everything else of the daemon
 * lies below the same origin and PREFIX. */

/** The path before "/-/console/"; empty when the page is served elsewhere (the development server). */
export function prefixOf(pathname: string): string {
  const at = pathname.indexOf('/-/console')
  return at > 0 ? pathname.slice(0, at) : ''
}

export interface Endpoint {
  /** http: or https: */
  protocol: string
  /** without a port */
  hostname: string
  port?: number
  /** host and port as in the Host header */
  host: string
  /** "" or "/lake" */
  prefix: string
}

export function endpointOf(location: { protocol: string; hostname: string; port: string; host: string; pathname: string }): Endpoint {
  return {
    protocol: location.protocol,
    hostname: location.hostname,
    port: location.port ? Number(location.port) : undefined,
    host: location.host,
    prefix: prefixOf(location.pathname),
  }
}

let current: Endpoint | undefined
export function endpoint(): Endpoint {
  return (current ??= endpointOf(window.location))
}

/** The address that programs are given: http://host:port/prefix */
export function endpointUrl(at = endpoint()): string {
  return `${at.protocol}//${at.host}${at.prefix}`
}
