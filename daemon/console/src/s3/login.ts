/* Logging in and out. */
import { queryApi, signedFetch, xmlText } from './fetch'
import { asApiError } from './errors'
import { beginSession, currentSession, endSession, session } from './session'
import { serverConfig } from './server'
import type { Keys } from './sign'

const FIRST_REGION = 'us-east-1'

/** A session asks for this long; root's is cut to an hour by the daemon. */
const SESSION_SECONDS = 12 * 3600

/** The region that signatures name: the daemon tells it to whoever signs for another. STS takes any. */
async function regionOf(keys: Keys): Promise<string> {
  const { region } = await serverConfig()
  if (region) return region
  try {
    await signedFetch({ method: 'GET', path: '/', query: { 'max-buckets': '1' }, keys, region: FIRST_REGION })
  } catch (thrown) {
    return asApiError(thrown).details.Region || FIRST_REGION
  }
  return FIRST_REGION
}

async function identity(keys: Keys, region: string): Promise<{ arn: string; account: string }> {
  const answer = await queryApi('sts', 'GetCallerIdentity', {}, { keys, region })
  return { arn: xmlText(answer, 'Arn'), account: xmlText(answer, 'Account') }
}

/** Lasting keys become those of a session; what is temporary already (a token is given) is taken as it is. */
export async function logIn(keys: Keys, kept: boolean): Promise<void> {
  await serverConfig() /* for its clock */
  if (keys.sessionToken) {
    const region = await regionOf(keys)
    const who = await identity(keys, region)
    beginSession({ ...keys, sessionToken: keys.sessionToken, expires: 0, lastingKeyId: '', ...who, region, kept })
    return
  }
  const answer = await queryApi('sts', 'GetSessionToken', { DurationSeconds: String(SESSION_SECONDS) }, { keys, region: FIRST_REGION })
  const made = {
    accessKeyId: xmlText(answer, 'AccessKeyId'),
    secretAccessKey: xmlText(answer, 'SecretAccessKey'),
    sessionToken: xmlText(answer, 'SessionToken'),
  }
  const expires = Date.parse(xmlText(answer, 'Expiration'))
  const region = await regionOf(made)
  const who = await identity(made, region)
  beginSession({ ...made, expires, lastingKeyId: keys.accessKeyId, ...who, region, kept })
}

/** A session in the place of the one that is about to end, by the lasting key's secret. */
export async function renew(secretAccessKey: string): Promise<void> {
  const { lastingKeyId, kept } = currentSession()
  await logIn({ accessKeyId: lastingKeyId, secretAccessKey }, kept)
}

/** Revokes the session at the daemon, and forgets it here whatever the answer. The failure, if any. Credentials that were
 * temporary when they were typed are only forgotten: something else may live by them. */
export async function logOut(): Promise<string> {
  let failure = ''
  if (session.value?.lastingKeyId)
    try {
      await signedFetch({ method: 'DELETE', path: '/-/session' })
    } catch (thrown) {
      failure = asApiError(thrown).message
    }
  endSession()
  return failure
}
