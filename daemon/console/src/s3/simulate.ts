/* Why something was denied: SimulatePrincipalPolicy for the session's own principal. Only for those who may call it,
 * and IAM takes no sessions of users: see lasting.ts. */
import { queryApi, xmlMembers, xmlText } from './fetch'
import { iamKeys, mayAskIam } from './lasting'
import { session } from './session'
import type { Asked } from '../ui/errors'

function arnOf(resource: string | undefined): string {
  if (!resource) return '*'
  return resource.startsWith('arn:') ? resource : `arn:aws:s3:::${resource}`
}

/** The user, or the role of a session; root and federated users have no policies to ask about. */
function sourceOf(arn: string | undefined): string {
  const role = /^arn:aws:sts::(\d+):assumed-role\/([^/]+)\//.exec(arn ?? '')
  if (role) return `arn:aws:iam::${role[1]}:role/${role[2]}`
  return arn?.includes(':user/') ? arn : ''
}

export const canBeTold = (): boolean => sourceOf(session.value?.arn) !== ''

/** One sentence; empty when it cannot be told. */
export async function whyDenied(asked: Asked): Promise<string> {
  const source = sourceOf(session.value?.arn)
  if (!source || !mayAskIam.value) return ''
  try {
    const answer = await queryApi(
      'iam',
      'SimulatePrincipalPolicy',
      { PolicySourceArn: source, 'ActionNames.member.1': asked.action, 'ResourceArns.member.1': arnOf(asked.resource) },
      { keys: iamKeys() },
    )
    const decision = xmlText(answer, 'EvalDecision')
    const statements = xmlMembers(answer, 'MatchedStatements').map((statement) => {
      const start = [...statement.querySelectorAll('*')].find((element) => element.localName === 'StartPosition')
      const line = xmlText(start, 'Line')
      return `${xmlText(statement, 'SourcePolicyId')} (${xmlText(statement, 'SourcePolicyType')}${line ? `, line ${line}` : ''})`
    })
    if (decision === 'explicitDeny') return `${asked.action} is denied by ${statements.join(', ') || 'a statement'}.`
    if (decision === 'implicitDeny') return `No statement of your policies allows ${asked.action} here.`
    if (decision === 'allowed') return `Your policies allow ${asked.action}; the bucket's policy, an ACL or its public access block denies it.`
  } catch {
    /* may not simulate */
  }
  return ''
}
