import { describe, expect, it } from 'vitest'
import { endpointOf, prefixOf } from './endpoint'
import { linkEndpoint } from './server'

const here = endpointOf({ protocol: 'https:', hostname: 'lake.example', port: '', host: 'lake.example', pathname: '/lake/-/console/' })

describe('where the daemon is', () => {
  it('is above /-/console', () => {
    expect(prefixOf('/-/console/')).toBe('')
    expect(prefixOf('/a/b/-/console/')).toBe('/a/b')
    expect(prefixOf('/')).toBe('')
  })
  it('is elsewhere for others when there is a public address', () => {
    expect(linkEndpoint('https://public.example:8443/data', here)).toEqual({ protocol: 'https:', hostname: 'public.example', port: 8443, host: 'public.example:8443', prefix: '/data' })
    expect(linkEndpoint('https://public.example/', here).prefix).toBe('')
  })
  it('keeps the scheme of the page when it is the same place', () => {
    expect(linkEndpoint('http://lake.example/lake', here)).toBe(here)
    expect(linkEndpoint('', here)).toBe(here)
    expect(linkEndpoint('javascript:alert(1)', here)).toBe(here)
  })
})
