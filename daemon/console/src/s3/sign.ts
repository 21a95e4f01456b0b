/* Signature Version 4 for requests that the SDK does not make: the daemon's own pages, uploads with progress,
 * presigned addresses. The signer is the SDK's own; it hashes in JavaScript where a page on plain http has no
 * crypto.subtle. */
import { Sha256 } from '@smithy/core/checksum'
import { HttpRequest } from '@smithy/core/protocols'
import { SignatureV4 } from '@smithy/signature-v4'
import { serverNow } from './clock'
import { endpoint, type Endpoint } from './endpoint'
import { encode, signedPath, wirePath } from './path'
import { currentSession } from './session'

export interface Keys {
  accessKeyId: string
  secretAccessKey: string
  sessionToken?: string
}

export interface Unsigned {
  method: string
  /** a path below the endpoint's prefix, encoded; or bucket and key */
  path?: string
  bucket?: string
  key?: string
  query?: Record<string, string>
  headers?: Record<string, string>
  body?: string | Uint8Array
  service?: 's3' | 'iam' | 'sts'
  region?: string
  /** whose; the session's when absent */
  keys?: Keys
  /** where; the daemon's own place when absent */
  at?: Endpoint
}

function requestOf(unsigned: Unsigned): HttpRequest {
  const at = unsigned.at ?? endpoint()
  return new HttpRequest({
    method: unsigned.method,
    protocol: at.protocol,
    hostname: at.hostname,
    port: at.port,
    path: unsigned.path !== undefined ? at.prefix + unsigned.path : signedPath(at.prefix, unsigned.bucket, unsigned.key),
    query: { ...unsigned.query },
    headers: { host: at.host, ...unsigned.headers },
    body: unsigned.body,
  })
}

function signerOf(unsigned: Unsigned): SignatureV4 {
  return new SignatureV4({
    service: unsigned.service ?? 's3',
    region: unsigned.region ?? currentSession().region,
    credentials: unsigned.keys ?? currentSession(),
    sha256: Sha256,
    uriEscapePath: false,
    applyChecksum: true,
  })
}

/** The address as it goes out, relative to nothing: path and query, with the origin. */
export function addressOf(request: { path: string; query?: HttpRequest['query'] }, at = endpoint()): string {
  const query = Object.entries(request.query ?? {})
    .map(([name, value]) => `${encode(name)}=${encode(String(value ?? ''))}`)
    .join('&')
  return `${at.protocol}//${at.host}${wirePath(request.path)}${query ? `?${query}` : ''}`
}

/** Address and headers (without Host, which browsers set) of a signed request. */
export async function sign(unsigned: Unsigned): Promise<{ url: string; headers: Record<string, string> }> {
  const signed = await signerOf(unsigned).sign(requestOf(unsigned), { signingDate: new Date(serverNow()) })
  const { host: _, ...headers } = signed.headers
  return { url: addressOf(signed), headers }
}

/** An address that carries its signature, for seconds. Headers given must be sent along as they are. */
export async function presign(unsigned: Unsigned, seconds: number): Promise<string> {
  const request = requestOf(unsigned)
  request.headers['x-amz-content-sha256'] = 'UNSIGNED-PAYLOAD'
  const signed = await signerOf(unsigned).presign(request, {
    expiresIn: seconds,
    signingDate: new Date(serverNow()),
    unhoistableHeaders: new Set(Object.keys(unsigned.headers ?? {}).map((name) => name.toLowerCase())),
    unsignableHeaders: new Set(['x-amz-content-sha256']),
  })
  return addressOf(signed, unsigned.at)
}
