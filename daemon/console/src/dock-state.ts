import { signal } from '@preact/signals'

/** Is the list of uploads and tasks unfolded? */
export const dockOpen = signal(false)
