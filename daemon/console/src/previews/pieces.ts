/* A long text as pieces, so that a browser lays out those in sight alone: at line ends, and within a line that is longer than
 * a piece, never within a character. Together they are the text. */
export const PIECE_CHARS = 8 * 1024

export function piecesOf(text: string): string[] {
  const pieces: string[] = []
  for (let from = 0; from < text.length; ) {
    let to = Math.min(text.length, from + PIECE_CHARS)
    if (to < text.length) {
      /* Looked for within the piece alone: a text without line ends would be gone through once for each. */
      const end = text.slice(from, to).lastIndexOf('\n') + 1
      if (end > 0) to = from + end
      else if (/[\ud800-\udbff]/.test(text[to - 1] ?? '')) to--
    }
    pieces.push(text.slice(from, to))
    from = to
  }
  return pieces
}
