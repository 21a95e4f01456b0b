/* Copying. navigator.clipboard is there only in secure contexts; elsewhere the old way is used, on a field that
 * shows the text (or one made for it). Whether it worked. */
export async function copyText(text: string, field?: Element | null): Promise<boolean> {
  if (window.isSecureContext && navigator.clipboard)
    try {
      await navigator.clipboard.writeText(text)
      return true
    } catch {
      /* refused: the old way */
    }
  const made = field instanceof HTMLInputElement || field instanceof HTMLTextAreaElement ? null : document.createElement('textarea')
  const from = made ?? (field as HTMLInputElement)
  if (made) {
    made.className = 'sr'
    made.value = text
    /* Inside of an open dialog, since what is outside of it is inert. */
    ;(document.querySelector('dialog[open]') ?? document.body).append(made)
  }
  from.focus()
  from.select()
  let done = false
  try {
    done = document.execCommand('copy')
  } catch {
    /* as if refused */
  }
  made?.remove()
  return done
}
