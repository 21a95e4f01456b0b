import { describe, expect, it } from 'vitest'
import { PIECE_CHARS, piecesOf } from './pieces'

describe('pieces of a text', () => {
  it('end with lines, and are the text together', () => {
    const text = Array.from({ length: 5000 }, (_, i) => `line ${i}`).join('\n')
    const pieces = piecesOf(text)
    expect(pieces.join('')).toBe(text)
    expect(pieces.length).toBeGreaterThan(2)
    for (const piece of pieces.slice(0, -1)) expect(piece.endsWith('\n')).toBe(true)
    for (const piece of pieces) expect(piece.length).toBeLessThanOrEqual(PIECE_CHARS)
  })
  it('break a line that has no end, but no character', () => {
    const text = `x${'😀'.repeat(PIECE_CHARS)}`
    const pieces = piecesOf(text)
    expect(pieces.join('')).toBe(text)
    for (const piece of pieces) expect(piece).not.toMatch(/^[\udc00-\udfff]|[\ud800-\udbff]$/)
    expect(piecesOf('')).toEqual([])
  })
})
