/* One request with a body, as an XMLHttpRequest: only these tell how many bytes are gone. */
import { noteServerDate } from '../s3/clock'
import { ApiError, parseErrorXml } from '../s3/errors'
import { noteError } from '../s3/fetch'
import { presign, type Unsigned } from '../s3/sign'

/** An address is made when it is needed, so it need not last long; a slow part takes its time. */
const ADDRESS_SECONDS = 12 * 3600

export interface Sent {
  etag: string
  header: (name: string) => string
}

export async function sendBody(
  unsigned: Unsigned & { headers?: Record<string, string> },
  body: Blob,
  onBytes: (sent: number) => void,
  signal: AbortSignal,
): Promise<Sent> {
  const url = await presign(unsigned, ADDRESS_SECONDS)
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(new ApiError('Cancelled', 'Cancelled', 0))
    const request = new XMLHttpRequest()
    const abort = () => request.abort()
    const over = () => signal.removeEventListener('abort', abort)
    request.open(unsigned.method, url)
    for (const [name, value] of Object.entries(unsigned.headers ?? {})) request.setRequestHeader(name, value)
    request.upload.onprogress = (event) => onBytes(event.loaded)
    request.onload = () => {
      over()
      noteServerDate(request.getResponseHeader('date'))
      if (request.status >= 200 && request.status < 300)
        return resolve({ etag: request.getResponseHeader('etag') ?? '', header: (name) => request.getResponseHeader(name) ?? '' })
      const error = parseErrorXml(request.responseText, request.status)
      const duplicate = request.getResponseHeader('x-lakegate-duplicate-of')
      if (duplicate) error.details['x-lakegate-duplicate-of'] = duplicate
      return reject(noteError(error))
    }
    request.onerror = () => {
      over()
      reject(new ApiError('NetworkError', 'The connection broke, or the file could not be read', 0))
    }
    request.onabort = () => {
      over()
      reject(new ApiError('Cancelled', 'Cancelled', 0))
    }
    signal.addEventListener('abort', abort, { once: true })
    request.send(body)
  })
}
