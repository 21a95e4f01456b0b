import { expect, it } from 'vitest'
import { corsProblem } from './cors-rules'

it('says what is wrong with CORS rules, and where', () => {
  const rule = { AllowedOrigins: ['*'], AllowedMethods: ['GET'] }
  const cases: [unknown, string][] = [
    [{ CORSRules: [rule] }, ''],
    [{ CORSRules: [{ ...rule, ID: 'a', AllowedHeaders: ['*'], ExposeHeaders: ['ETag'], MaxAgeSeconds: 5 }] }, ''],
    [[rule], 'A document {"CORSRules": [ … ]} is expected'],
    [{ CORSRules: [rule], Colour: 1 }, 'Colour: unknown member'],
    [{ CORSRules: [rule, { ...rule, AllowedMethods: ['GET', 'PATCH'] }] }, 'CORSRules[1].AllowedMethods[1]: one of GET, PUT, POST, DELETE, HEAD is expected'],
    [{ CORSRules: [{ ...rule, AllowedOrigins: '*' }] }, 'CORSRules[0].AllowedOrigins: a list of texts is expected'],
    [{ CORSRules: [{ ...rule, MaxAge: 5 }] }, 'CORSRules[0].MaxAge: unknown member'],
    [{ CORSRules: [{ ...rule, MaxAgeSeconds: -1 }] }, 'CORSRules[0].MaxAgeSeconds: a number of seconds is expected'],
    [{ CORSRules: [{ AllowedOrigins: ['*'] }] }, 'CORSRules[0]: AllowedMethods is missing'],
    [{ CORSRules: ['x'] }, 'CORSRules[0]: a rule is an object'],
  ]
  for (const [document, problem] of cases) expect(corsProblem(document)).toBe(problem)
})
