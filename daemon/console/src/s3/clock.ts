/* The daemon refuses signatures of another time than its own (15 minutes), and browsers run on clocks that nobody
 * sets. Each answer's Date says how far off this one is. */

let offsetMs = 0

/** Called with every answer. Date has whole seconds; a small difference is left alone, so that times stay steady. */
export function noteServerDate(date: string | null | undefined): void {
  const server = date ? Date.parse(date) : NaN
  if (!Number.isNaN(server)) noteServerTime(server + 500)
}

/** milliseconds since 1970, by the daemon's clock, just now */
export function noteServerTime(now: number): void {
  const seen = now - Date.now()
  if (Math.abs(seen - offsetMs) > 2000) offsetMs = Math.abs(seen) > 2000 ? seen : 0
}

/** Now, by the daemon's clock. */
export function serverNow(): number {
  return Date.now() + offsetMs
}

export function clockOffset(): number {
  return offsetMs
}
