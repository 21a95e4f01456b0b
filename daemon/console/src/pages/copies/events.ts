/* text/event-stream, read from a signed fetch: EventSource cannot send a signature.
 * src: HTML Standard, "Server-sent events", 9.2.6 */

export interface ServerEvent {
  name: string
  data: string
}

/** More than that without an end of event is no stream of ours. */
const PENDING_MAX = 1024 * 1024

/** Takes text as it comes, gives the events that are complete. */
export class EventParser {
  private pending = ''
  push(text: string): ServerEvent[] {
    this.pending += text
    const events: ServerEvent[] = []
    for (;;) {
      const end = /\r\n\r\n|\n\n|\r\r/.exec(this.pending)
      if (!end) break
      const event = eventOf(this.pending.slice(0, end.index))
      this.pending = this.pending.slice(end.index + end[0].length)
      if (event) events.push(event)
    }
    if (this.pending.length > PENDING_MAX) throw new Error('The stream of events has no end of an event')
    return events
  }
}

function eventOf(block: string): ServerEvent | undefined {
  let name = 'message'
  const data: string[] = []
  for (const line of block.split(/\r\n|\n|\r/)) {
    const colon = line.indexOf(':')
    if (colon === 0) continue
    const field = colon < 0 ? line : line.slice(0, colon)
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '')
    if (field === 'event') name = value
    else if (field === 'data') data.push(value)
  }
  return data.length > 0 ? { name, data: data.join('\n') } : undefined
}

export async function* eventsOf(response: Response): AsyncGenerator<ServerEvent> {
  const reader = response.body?.getReader()
  if (!reader) return
  const parser = new EventParser()
  const decoder = new TextDecoder()
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return
      yield* parser.push(decoder.decode(value, { stream: true }))
    }
  } finally {
    await reader.cancel().catch(() => undefined)
  }
}
