/* The SDK's client of the session that is there. Errors come out as ApiError through send(). */
import { S3Client } from '@aws-sdk/client-s3'
import { HttpRequest } from '@smithy/core/protocols'
import { FetchHttpHandler } from '@smithy/fetch-http-handler'
import { clockOffset, noteServerDate } from './clock'
import { endpointUrl } from './endpoint'
import { asApiError } from './errors'
import { noteError } from './fetch'
import { wirePath } from './path'
import { currentSession, session } from './session'

/** Sends what was signed so that it passes the browser's URL parser, and learns the daemon's time. */
class Handler extends FetchHttpHandler {
  override async handle(...[request, options]: Parameters<FetchHttpHandler['handle']>): ReturnType<FetchHttpHandler['handle']> {
    const sent = HttpRequest.clone(request as HttpRequest)
    sent.path = wirePath(sent.path)
    const answer = await super.handle(sent, options)
    noteServerDate(answer.response.headers.date)
    return answer
  }
}

let client: { of: string; client: S3Client } | undefined

export function s3(): S3Client {
  const { accessKeyId, secretAccessKey, sessionToken, region } = currentSession()
  if (client?.of !== accessKeyId)
    client = {
      of: accessKeyId,
      client: new S3Client({
        endpoint: endpointUrl(),
        region,
        forcePathStyle: true,
        credentials: { accessKeyId, secretAccessKey, sessionToken: sessionToken || undefined },
        requestChecksumCalculation: 'WHEN_REQUIRED',
        responseChecksumValidation: 'WHEN_REQUIRED',
        requestHandler: new Handler({ cache: 'no-store', credentials: 'omit' }),
        systemClockOffset: clockOffset(),
        maxAttempts: 3,
      }),
    }
  return client.client
}
session.subscribe((now) => {
  if (!now) client = undefined
})

/** send(new ListBucketsCommand({})), with ApiError for whatever goes wrong. */
export const send: S3Client['send'] = (async (...args: unknown[]) => {
  try {
    return await (s3().send as (...args: unknown[]) => Promise<unknown>).apply(s3(), args)
  } catch (thrown) {
    throw noteError(asApiError(thrown))
  }
}) as S3Client['send']
