/* Comma-separated values as RFC 4180 has them, and as they come: any of , ; tab | between fields. */
export interface Table {
  header: string[]
  rows: string[][]
  /** there is more than was parsed */
  cut: boolean
}

export function delimiterOf(text: string): string {
  const line = text.slice(0, 10_000).split('\n')[0] ?? ''
  let best = ','
  let most = 0
  for (const candidate of [',', ';', '\t', '|']) {
    const count = line.replace(/"[^"]*"/g, '').split(candidate).length - 1
    if (count > most) {
      best = candidate
      most = count
    }
  }
  return best
}

/** partial: the text was cut off, so its last row is left out. */
export function parseCsv(text: string, rowsMax: number, columnsMax: number, partial = false, delimiter = delimiterOf(text)): Table {
  const rows: string[][] = []
  let row: string[] = []
  let at = text.charCodeAt(0) === 0xfeff ? 1 : 0
  const field = (): string => {
    if (text[at] !== '"') {
      const from = at
      while (at < text.length && text[at] !== delimiter && text[at] !== '\n' && text[at] !== '\r') at++
      return text.slice(from, at)
    }
    let value = ''
    for (at++; at < text.length; at++) {
      if (text[at] !== '"') value += text[at]
      else if (text[at + 1] === '"') {
        value += '"'
        at++
      } else {
        at++
        break
      }
    }
    while (at < text.length && text[at] !== delimiter && text[at] !== '\n' && text[at] !== '\r') value += text[at++]
    return value
  }
  while (at < text.length && rows.length <= rowsMax) {
    const value = field()
    if (row.length < columnsMax) row.push(value)
    if (text[at] === delimiter) {
      at++
      if (at < text.length || partial) continue
      row.push('')
    }
    const ended = at < text.length
    if (text[at] === '\r') at++
    if (text[at] === '\n') at++
    if (ended || !partial) rows.push(row)
    row = []
  }
  const cut = partial || at < text.length || rows.length > rowsMax + 1
  const [header = [], ...rest] = rows
  return { header, rows: rest.slice(0, rowsMax), cut }
}
