/* JSON with the place of everything in it, so that what is wrong can be shown where it is: a syntax error as well as
 * what the server refuses ("Policy has invalid action: Statement[2].Action[1]"). RFC 8259, and no member twice. */

export interface Range {
  from: number
  to: number
}

export interface Problem extends Range {
  message: string
}

export interface Parsed {
  value?: unknown
  problem?: Problem
  /** by path: "Statement[2].Action[1]" */
  places: Map<string, Range>
}

const DEPTH_MAX = 64

class Failure extends Error {
  constructor(
    message: string,
    readonly from: number,
    readonly to = from + 1,
  ) {
    super(message)
  }
}

class Reader {
  at = 0
  places = new Map<string, Range>()
  constructor(readonly text: string) {}

  private space(): void {
    while (this.at < this.text.length && ' \t\r\n'.includes(this.text[this.at] as string)) this.at++
  }

  private found(): string {
    if (this.at >= this.text.length) return 'the end'
    return `"${String.fromCodePoint(this.text.codePointAt(this.at) as number)}"`
  }

  whole(): unknown {
    const value = this.value('', 0)
    this.space()
    if (this.at < this.text.length) throw new Failure(`Nothing may follow the document, but ${this.found()} does`, this.at, this.text.length)
    return value
  }

  private value(path: string, depth: number): unknown {
    this.space()
    const from = this.at
    if (depth > DEPTH_MAX) throw new Failure('Nested too deep', from)
    const value = this.bare(path, depth)
    this.places.set(path, { from, to: this.at })
    return value
  }

  private bare(path: string, depth: number): unknown {
    const c = this.text[this.at]
    if (c === '{') return this.object(path, depth)
    if (c === '[') return this.array(path, depth)
    if (c === '"') return this.string()
    const word = /^(?:true|false|null)(?![A-Za-z0-9_])/.exec(this.text.slice(this.at, this.at + 6))
    if (word) {
      this.at += word[0].length
      return JSON.parse(word[0])
    }
    const number = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/.exec(this.text.slice(this.at, this.at + 64))
    if (number) {
      this.at += number[0].length
      return Number(number[0])
    }
    throw new Failure(`A value is expected, not ${this.found()}`, this.at)
  }

  private object(path: string, depth: number): unknown {
    const members: [string, unknown][] = []
    const names = new Set<string>()
    this.at++
    this.space()
    if (this.text[this.at] === '}') {
      this.at++
      return {}
    }
    for (;;) {
      this.space()
      const from = this.at
      if (this.text[this.at] !== '"') throw new Failure(`A member's name in double quotes is expected, not ${this.found()}`, from)
      const name = this.string()
      if (names.has(name)) throw new Failure(`The member "${name}" stands here twice`, from, this.at)
      names.add(name)
      this.space()
      if (this.text[this.at] !== ':') throw new Failure(`":" is expected after "${name}", not ${this.found()}`, this.at)
      this.at++
      members.push([name, this.value(path ? `${path}.${name}` : name, depth + 1)])
      if (this.ends('}')) return Object.fromEntries(members)
    }
  }

  private array(path: string, depth: number): unknown {
    const items: unknown[] = []
    this.at++
    this.space()
    if (this.text[this.at] === ']') {
      this.at++
      return items
    }
    for (;;) {
      items.push(this.value(`${path}[${items.length}]`, depth + 1))
      if (this.ends(']')) return items
    }
  }

  /** After a member: true when the last one was read, false after a comma. */
  private ends(close: string): boolean {
    this.space()
    const c = this.text[this.at]
    if (c !== ',' && c !== close) throw new Failure(`"," or "${close}" is expected, not ${this.found()}`, this.at)
    const comma = this.at++
    if (c === close) return true
    this.space()
    if (this.text[this.at] === close) throw new Failure(`A comma may not stand before "${close}"`, comma)
    return false
  }

  private string(): string {
    const from = this.at
    const match = /"(?:[^"\\\u0000-\u001f]|\\.)*/y
    match.lastIndex = from
    const body = match.exec(this.text)?.[0] ?? ''
    if (this.text[from + body.length] !== '"') throw new Failure('A string has no end on this line', from, from + body.length)
    const raw = `${body}"`
    try {
      const value = JSON.parse(raw) as string
      this.at = from + raw.length
      return value
    } catch {
      throw new Failure('An escape in this string is none of JSON', from, from + raw.length)
    }
  }
}

export function parseJson(text: string): Parsed {
  const reader = new Reader(text)
  try {
    return { value: reader.whole(), places: reader.places }
  } catch (thrown) {
    if (!(thrown instanceof Failure)) throw thrown
    const from = Math.min(thrown.from, text.length)
    return { problem: { message: thrown.message, from, to: Math.max(from, Math.min(thrown.to, text.length)) }, places: reader.places }
  }
}

/** Where in the document a message of the server points to: the longest path in it that the document has. */
export function placeOf(parsed: Parsed, message: string): Range | undefined {
  let best = ''
  for (const path of parsed.places.keys()) {
    if (path.length <= best.length) continue
    for (const form of [path, path.replace(/^Statement(?=\.|$)/, 'Statement[0]')]) {
      const at = message.indexOf(form)
      if (at >= 0 && !/[A-Za-z0-9_\]]/.test(message[at - 1] ?? '') && !/[A-Za-z0-9_]/.test(message[at + form.length] ?? '')) best = path
    }
  }
  return best ? parsed.places.get(best) : undefined
}

/** Both count from 1. */
export function lineOf(text: string, at: number): { line: number; column: number } {
  const before = text.slice(0, at)
  return { line: before.split('\n').length, column: at - before.lastIndexOf('\n') }
}
