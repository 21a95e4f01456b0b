import { describe, expect, it } from 'vitest'
import { lineOf, parseJson, placeOf } from './json'

describe('parseJson', () => {
  it('reads what JSON.parse reads', () => {
    for (const text of ['{}', '[]', ' {"a": [1, -2.5e3, true, null, "x\\n\\u00e9"], "b": {"c": ""}} ', '"a"', '0'])
      expect(parseJson(text).value).toEqual(JSON.parse(text))
  })
  it('says what is wrong, and where', () => {
    const cases: [string, string, number][] = [
      ['', 'A value is expected, not the end', 0],
      ['{"a": 1,}', 'A comma may not stand before "}"', 7],
      ['{"a" 1}', '":" is expected after "a", not "1"', 5],
      ['{a: 1}', 'A member\'s name in double quotes is expected, not "a"', 1],
      ['[1 2]', '"," or "]" is expected, not "2"', 3],
      ['{"a": 1, "a": 2}', 'The member "a" stands here twice', 9],
      ['{"a": "x\n"}', 'A string has no end on this line', 6],
      ['["\\x"]', 'An escape in this string is none of JSON', 1],
      ['["abc\\"', 'A string has no end on this line', 1],
      ['{} x', 'Nothing may follow the document, but "x" does', 3],
      ['[truex]', 'A value is expected, not "t"', 1],
      ['[01]', '"," or "]" is expected, not "1"', 2],
    ]
    for (const [text, message, from] of cases) expect([text, parseJson(text).problem?.message, parseJson(text).problem?.from]).toEqual([text, message, from])
  })
  it('does not fall over depth', () => {
    expect(parseJson('['.repeat(100_000)).problem?.message).toBe('Nested too deep')
  })
  it('takes __proto__ for a member like any other', () => {
    expect(Object.keys(parseJson('{"__proto__": {"a": 1}}').value as object)).toEqual(['__proto__'])
    expect(({} as Record<string, unknown>).a).toBeUndefined()
  })
})

describe('placeOf', () => {
  const text = '{"Version": "2012-10-17",\n "Statement": [{"Action": ["s3:GetObject",\n  "s3:Nix"]}]}'
  const parsed = parseJson(text)
  it('finds what a refusal of the server names', () => {
    const place = placeOf(parsed, 'Policy has invalid action: Statement[0].Action[1]')
    expect(text.slice(place?.from, place?.to)).toBe('"s3:Nix"')
    expect(lineOf(text, place?.from ?? 0)).toEqual({ line: 3, column: 3 })
    expect(placeOf(parsed, 'Statement[0].Action[10]: x')).toEqual(parsed.places.get('Statement[0].Action'))
    expect(placeOf(parsed, 'nothing of it')).toBeUndefined()
  })
  it('knows that a single statement is the first one', () => {
    const single = parseJson('{"Statement": {"Action": "s3:Nix"}}')
    expect(placeOf(single, 'Policy has invalid action: Statement[0].Action')).toEqual(single.places.get('Statement.Action'))
  })
})
