/* Files that are dropped beside the place for them would be opened by the browser in place of the console, and with it go the
 * session and all uploads under way. What takes files has prevented that already when the event comes here. */
export function startDropGuard(): void {
  for (const type of ['dragover', 'drop'] as const)
    window.addEventListener(type, (event) => {
      if (event.defaultPrevented || !event.dataTransfer?.types.includes('Files')) return
      event.preventDefault()
      event.dataTransfer.dropEffect = 'none'
    })
}
