/* Errors of S3, IAM and the daemon's own pages, as one class with what the console shows of them. */

export class ApiError extends Error {
  constructor(
    readonly code: string,
    message: string,
    readonly status: number,
    readonly details: Record<string, string> = {},
    readonly requestId = '',
  ) {
    super(message)
    this.name = code
  }
}

const ENTITIES: Record<string, string> = { lt: '<', gt: '>', amp: '&', quot: '"', apos: "'" }

/** The elements of an error's XML that hold text, by name. Not by DOMParser: what it makes of a body that is no XML (a
 * proxy's page, nothing at all) has a style attribute, which the page's policy reports. */
export function errorElements(text: string): Record<string, string> {
  const details: Record<string, string> = {}
  for (const [, name, content] of text.matchAll(/<([A-Za-z][\w:-]*)>([^<]*)<\/\1>/g))
    details[name as string] ??= (content as string).replace(/&(?:#x([0-9a-f]+)|#(\d+)|(\w+));/gi, (whole, hex, decimal, entity) => {
      const code = hex ? Number.parseInt(hex, 16) : decimal ? Number(decimal) : -1
      return code >= 0 && code <= 0x10ffff ? String.fromCodePoint(code) : (ENTITIES[entity] ?? whole)
    })
  return details
}

/** The first Code that is found is S3's as well as IAM's. */
export function parseErrorXml(text: string, status: number, headers?: Headers): ApiError {
  const details = errorElements(text)
  const code = details.Code || `HTTP ${status}`
  const message = details.Message || (status === 403 ? 'Access is denied' : `The server answered ${status}`)
  return new ApiError(code, message, status, details, details.RequestId ?? headers?.get('x-amz-request-id') ?? '')
}

/** What was thrown, whatever it is: errors of the SDK carry $metadata, others are taken as they are. */
export function asApiError(thrown: unknown): ApiError {
  if (thrown instanceof ApiError) return thrown
  const error = thrown as Error & {
    Code?: string
    $metadata?: { httpStatusCode?: number; requestId?: string }
    $response?: { headers?: Record<string, string> }
  } & Record<string, unknown>
  if (error?.$metadata) {
    const details: Record<string, string> = {}
    for (const [name, value] of Object.entries(error)) if (typeof value === 'string') details[name] = value
    for (const [name, value] of Object.entries(error.$response?.headers ?? {}))
      if (name.startsWith('x-lakegate-')) details[name] = value
    const code = error.Code || error.name || 'Error'
    return new ApiError(code, error.message || code, error.$metadata.httpStatusCode ?? 0, details, error.$metadata.requestId ?? '')
  }
  if (error?.name === 'AbortError') return new ApiError('Cancelled', 'Cancelled', 0)
  if (error instanceof TypeError && /fetch|network/i.test(error.message))
    return new ApiError('NetworkError', 'The server cannot be reached', 0)
  return new ApiError(error?.name ?? 'Error', error?.message ?? String(thrown), 0)
}

export function isDenied(error: ApiError): boolean {
  return error.status === 403 && (error.code === 'AccessDenied' || error.code === 'AccessDeniedException' || error.code === '403' || error.code === 'Forbidden' || error.code === 'HTTP 403')
}

/** The session is over or was revoked: only a new login helps. */
export function isSessionOver(error: ApiError): boolean {
  return ['ExpiredToken', 'InvalidAccessKeyId', 'InvalidToken', 'ExpiredTokenException', 'TokenRefreshRequired'].includes(error.code)
}

const advice: Record<string, string> = {
  NetworkError: 'Check that the server runs and that this machine reaches it, then try again.',
  SlowDown: 'The server is busy. Try again in a moment.',
  ServiceUnavailable: 'The server is busy or stopping. Try again in a moment.',
  InsufficientStorage: 'The disk of the server is full. Delete something, or ask who runs it for space.',
  BucketAlreadyExists: 'Another account has a bucket of this name. Choose another name.',
  BucketAlreadyOwnedByYou: 'You already have a bucket of this name.',
  BucketNotEmpty: 'Empty the bucket first; versions and delete markers count, too.',
  InvalidBucketName: 'Use 3 to 63 of a-z, 0-9, "." and "-", with a letter or digit first and last.',
  NoSuchBucket: 'It may have been deleted meanwhile. Go back to the list of buckets.',
  NoSuchKey: 'It may have been deleted meanwhile. Reload the folder.',
  NoSuchUpload: 'The upload was completed or cancelled elsewhere. Start it anew.',
  DuplicateObject: 'The zone already has an object with the same bytes, so this one was not stored.',
  ObjectAlreadyExists: 'The zone is write-once: give the object another name, or delete the one that is there first.',
  QuotaExceeded: 'The zone is full. Delete something in it, or raise its limit in the zones document.',
  RequestTimeTooSkewed: 'The clock of this computer is far off. Set it, then log in again.',
  SignatureDoesNotMatch: 'The secret key does not belong to the access key.',
  InvalidAccessKeyId: 'Check the access key: it may be mistyped, inactive or deleted.',
  InvalidClientTokenId: 'Check the access key: it may be mistyped, inactive or deleted.',
  EntityTooLarge: 'One upload takes 5 GiB at most, by parts 5 TiB.',
  KeyTooLongError: 'A key has 1024 bytes at most.',
  PreconditionFailed: 'It was changed by somebody else meanwhile. Reload and try again.',
}

/** What to do about an error, in a sentence; empty when there is nothing sensible to say. */
export function adviceFor(error: ApiError): string {
  if (isDenied(error)) {
    if (error.details.Rule) return 'A rule of the zone refuses it; the zones document says which.'
    if (error.message.includes('block public access setting')) return 'The public access block of the bucket or of the account refuses it.'
    return 'Your policies do not allow it. Ask who administers this account.'
  }
  return advice[error.code] ?? ''
}
