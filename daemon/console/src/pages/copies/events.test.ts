import { expect, it } from 'vitest'
import { EventParser } from './events'

it('gives events when they are complete, whatever the pieces', () => {
  const stream = ': hello\n\nevent: progress\ndata: {"id":"a"}\n\n: keep\n\nevent: end\ndata: 1\ndata: 2\n\ndata: last'
  for (const size of [1, 2, 7, 1000]) {
    const parser = new EventParser()
    const events = []
    for (let at = 0; at < stream.length; at += size) events.push(...parser.push(stream.slice(at, at + size)))
    expect(events).toEqual([
      { name: 'progress', data: '{"id":"a"}' },
      { name: 'end', data: '1\n2' },
    ])
  }
})

it('takes every kind of line end', () => {
  expect(new EventParser().push('event:x\r\ndata:1\r\n\r\n')).toEqual([{ name: 'x', data: '1' }])
  expect(new EventParser().push('data: 1\r\r')).toEqual([{ name: 'message', data: '1' }])
})

it('gives up on a stream without an end of an event', () => {
  const parser = new EventParser()
  expect(() => {
    for (let i = 0; i < 40; i++) parser.push('x'.repeat(65536))
  }).toThrow('no end of an event')
})
