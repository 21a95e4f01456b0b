/* What the daemon says of itself to whoever opens the console. */
import { noteServerTime } from './clock'
import { endpoint, prefixOf, type Endpoint } from './endpoint'

export interface ServerConfig {
  version: string
  region: string
  /** how clients reach it, with the prefix; empty when it is not known */
  publicUrl: string
}

let asked: Promise<ServerConfig> | undefined

async function ask(): Promise<ServerConfig> {
  const { prefix } = endpoint()
  const answer = await fetch(`${prefix}/-/console/config.json`, { cache: 'no-store', credentials: 'omit' })
  if (!answer.ok) throw new Error(`config.json: ${answer.status}`)
  const told = (await answer.json()) as { version?: string; region?: string; public_url?: string; time_ms?: number }
  if (typeof told.time_ms === 'number') noteServerTime(told.time_ms)
  return { version: told.version ?? '', region: told.region ?? '', publicUrl: told.public_url ?? '' }
}

/** Asked once; what is not known is empty. */
export function serverConfig(): Promise<ServerConfig> {
  return (asked ??= ask().catch(() => {
    asked = undefined
    return { version: '', region: '', publicUrl: '' }
  }))
}

/** Where links for others lead: the public address, or, when that is here, here, with the scheme that works. */
export function linkEndpoint(publicUrl: string, here: Endpoint): Endpoint {
  let url: URL
  try {
    url = new URL(publicUrl)
  } catch {
    return here
  }
  if (url.protocol !== 'http:' && url.protocol !== 'https:') return here
  const prefix = prefixOf(`${url.pathname.replace(/\/+$/, '')}/-/console/`)
  if (url.host === here.host && prefix === here.prefix) return here
  return { protocol: url.protocol, hostname: url.hostname, port: url.port ? Number(url.port) : undefined, host: url.host, prefix }
}
