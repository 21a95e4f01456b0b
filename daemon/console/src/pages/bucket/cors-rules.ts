/* What a document of CORS rules looks like. */
const lists = ['AllowedOrigins', 'AllowedMethods', 'AllowedHeaders', 'ExposeHeaders']
const METHODS = ['GET', 'PUT', 'POST', 'DELETE', 'HEAD']

/** JSON goes to the server as XML, in which what it does not know would be lost without a word: told before. */
export function corsProblem(document: unknown): string {
  const record = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value)
  if (!record(document) || !Array.isArray(document.CORSRules)) return 'A document {"CORSRules": [ … ]} is expected'
  const other = Object.keys(document).find((name) => name !== 'CORSRules')
  if (other) return `${other}: unknown member`
  for (const [index, rule] of document.CORSRules.entries()) {
    const path = `CORSRules[${index}]`
    if (!record(rule)) return `${path}: a rule is an object`
    for (const [name, value] of Object.entries(rule)) {
      if (lists.includes(name)) {
        if (!Array.isArray(value) || value.some((item) => typeof item !== 'string')) return `${path}.${name}: a list of texts is expected`
        const method = name === 'AllowedMethods' ? value.findIndex((item) => !METHODS.includes(item as string)) : -1
        if (method >= 0) return `${path}.${name}[${method}]: one of ${METHODS.join(', ')} is expected`
      } else if (name === 'MaxAgeSeconds') {
        if (!Number.isInteger(value) || (value as number) < 0) return `${path}.${name}: a number of seconds is expected`
      } else if (name !== 'ID' || typeof value !== 'string') return `${path}.${name}: unknown member`
    }
    for (const name of ['AllowedOrigins', 'AllowedMethods']) if (!(rule[name] as unknown[] | undefined)?.length) return `${path}: ${name} is missing`
  }
  return ''
}
