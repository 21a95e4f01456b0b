import { describe, expect, it } from 'vitest'
import { adviceFor, asApiError, errorElements, isDenied, parseErrorXml } from './errors'

describe('errors', () => {
  it('come out of XML of S3 and of IAM', () => {
    const s3 = parseErrorXml('<?xml version="1.0"?><Error><Code>DuplicateObject</Code><Message>a &lt;b&gt; &#x26; &quot;c&quot;</Message><Zone>raw</Zone></Error>', 409)
    expect(s3).toMatchObject({ code: 'DuplicateObject', message: 'a <b> & "c"', status: 409, details: { Zone: 'raw' } })
    const iam = parseErrorXml('<ErrorResponse xmlns="x"><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>no</Message></Error></ErrorResponse>', 403)
    expect(isDenied(iam)).toBe(true)
    expect(adviceFor(iam)).toContain('policies')
  })
  it('come out of what is no XML', () => {
    expect(parseErrorXml('', 404).code).toBe('HTTP 404')
    expect(parseErrorXml('<html><body><h1>502 Bad Gateway', 502).message).toBe('The server answered 502')
    expect(errorElements('<A>&unknown;&#1114112;</A>')).toEqual({ A: '&unknown;&#1114112;' })
  })
  it('come out of whatever is thrown', () => {
    expect(asApiError(new TypeError('Failed to fetch')).code).toBe('NetworkError')
    expect(asApiError('text').message).toBe('text')
    expect(asApiError({ name: 'AbortError' }).code).toBe('Cancelled')
  })
})
