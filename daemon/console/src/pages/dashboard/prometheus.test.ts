import { expect, it } from 'vitest'
import { parseMetrics, sum } from './prometheus'

const text = `# HELP a Things.
# TYPE a counter
a{op="get",status="2xx"} 3
a{op="put",status="5xx"} 1
b 1099511627776
c{name="quote \\" slash \\\\ line \\n <img>",} 2 1700000000
not a line
`

it('reads the text format', () => {
  const scrape = parseMetrics(text)
  expect(sum(scrape, 'a')).toBe(4)
  expect(sum(scrape, 'a', ({ status }) => status === '5xx')).toBe(1)
  expect(sum(scrape, 'a', ({ status }) => status === '4xx')).toBeUndefined()
  expect(sum(scrape, 'none')).toBeUndefined()
  expect(sum(scrape, 'b')).toBe(1099511627776)
  expect(scrape.get('c')?.[0]?.labels.name).toBe('quote " slash \\ line \n <img>')
})
