/* Signed requests outside of the SDK, with the console's errors. */
import { clockOffset, noteServerDate } from './clock'
import { ApiError, asApiError, isSessionOver, parseErrorXml } from './errors'
import { endSession, session } from './session'
import { sign, type Unsigned } from './sign'

export type Signed = Unsigned & { signal?: AbortSignal }

/** A session that is over ends the login, whoever found out. */
export function noteError(error: ApiError, ofSession = true): ApiError {
  if (ofSession && session.value && isSessionOver(error)) endSession('Your session has ended. Log in again.')
  return error
}

async function sendSigned(request: Signed): Promise<Response> {
  const { url, headers } = await sign(request)
  return fetch(url, {
    method: request.method,
    headers,
    body: request.body as BodyInit | undefined,
    signal: request.signal,
    cache: 'no-store',
    credentials: 'omit',
    redirect: 'error',
  })
}

/** A clock that is so far off that signatures by it are refused. */
const SKEW_MS = 60_000

/** The answer, when its status is 2xx; else an ApiError. What was signed by a wrong clock is signed anew by the right one. */
export async function signedFetch(request: Signed): Promise<Response> {
  let response: Response
  try {
    const before = clockOffset()
    response = await sendSigned(request)
    noteServerDate(response.headers.get('date'))
    if (!response.ok && Math.abs(clockOffset() - before) > SKEW_MS) response = await sendSigned(request)
  } catch (thrown) {
    throw asApiError(thrown)
  }
  if (response.ok) return response
  throw noteError(await errorOf(response), !request.keys)
}

async function errorOf(response: Response): Promise<ApiError> {
  const text = await response.text().catch(() => '')
  const error = parseErrorXml(text, response.status, response.headers)
  response.headers.forEach((value, name) => {
    if (name.startsWith('x-lakegate-')) error.details[name] = value
  })
  return error
}

/** The daemon's own pages: "/-/accounts" and the like, answered in JSON. */
export async function daemonJson<T>(method: string, path: string, options: Omit<Signed, 'method' | 'path'> = {}): Promise<T> {
  const response = await signedFetch({ ...options, method, path })
  const text = await response.text()
  return (text ? JSON.parse(text) : {}) as T
}

/** JSON sub-resources of buckets and objects: ?lakegate-zones and the like. */
export async function lakegateJson<T>(
  resource: string,
  at: { bucket: string; key?: string; query?: Record<string, string>; method?: string; body?: string; signal?: AbortSignal },
): Promise<T> {
  const { bucket, key, query, body, signal } = at
  const response = await signedFetch({ method: at.method ?? 'GET', bucket, key, query: { [resource]: '', ...query }, body, signal })
  const text = await response.text()
  return (text ? JSON.parse(text) : {}) as T
}

const VERSIONS = { iam: '2010-05-08', sts: '2011-06-15' }

/** IAM's and STS's Query API: parameters as AWS names them, the answer's XML. */
export async function queryApi(
  service: 'iam' | 'sts',
  action: string,
  parameters: Record<string, string> = {},
  options: Pick<Signed, 'keys' | 'region' | 'signal'> = {},
): Promise<Document> {
  const body = new URLSearchParams({ Action: action, Version: VERSIONS[service], ...parameters }).toString()
  const response = await signedFetch({
    ...options,
    method: 'POST',
    path: '/',
    service,
    body,
    headers: { 'content-type': 'application/x-www-form-urlencoded; charset=utf-8' },
  })
  return new DOMParser().parseFromString(await response.text(), 'application/xml')
}

/** The text of the first element of a name; empty when there is none. */
export function xmlText(from: ParentNode | null | undefined, name: string): string {
  if (!from) return ''
  for (const element of from.querySelectorAll('*')) if (element.localName === name) return element.textContent ?? ''
  return ''
}

/** The <member> elements of the first list of a name. */
export function xmlMembers(from: ParentNode | null | undefined, name: string): Element[] {
  if (!from) return []
  for (const element of from.querySelectorAll('*'))
    if (element.localName === name) return [...element.children].filter((child) => child.localName === 'member')
  return []
}
