/* Why something was denied: SimulatePrincipalPolicy for the session's own principal. Only for those who may call it. */
import { queryApi, xmlMembers, xmlText } from './fetch'
import { session } from './session'
import type { Asked } from '../ui/errors'

function arnOf(resource: string | undefined): string {
  if (!resource) return '*'
  return resource.startsWith('arn:') ? resource : `arn:aws:s3:::${resource}`
}

/** One sentence; empty when it cannot be told. */
export async function whyDenied(asked: Asked): Promise<string> {
  const arn = session.value?.arn
  if (!arn || !arn.includes(':user/')) return ''
  try {
    const answer = await queryApi('iam', 'SimulatePrincipalPolicy', {
      PolicySourceArn: arn,
      'ActionNames.member.1': asked.action,
      'ResourceArns.member.1': arnOf(asked.resource),
    })
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
