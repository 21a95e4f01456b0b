/* The entries of one folder as far as they are loaded: a page at a time, as the list is scrolled. */
import { useCallback, useLayoutEffect, useRef, useState } from 'preact/hooks'
import { listPage, type Entry, type ListingPage } from '../../s3/objects'

/** The browser's memory is the limit: beyond so many a prefix narrows the list. */
export const ENTRIES_MAX = 200_000

export interface Listing {
  entries: Entry[]
  complete: boolean
  /** ENTRIES_MAX was reached */
  full: boolean
  loading: boolean
  error?: unknown
  more: () => void
  all: () => void
  reload: () => void
}

interface State {
  entries: Entry[]
  next?: ListingPage['next']
  complete: boolean
  loading: boolean
  error?: unknown
}

export interface ListingOf {
  bucket: string
  prefix: string
  versions: boolean
  /** '' lists what is below in all folders */
  delimiter: string
}

const EMPTY: State = { entries: [], complete: false, loading: true }

export function useListing({ bucket, prefix, versions, delimiter }: ListingOf): Listing {
  const [state, setState] = useState<State>(EMPTY)
  const now = useRef<{ state: State; controller: AbortController; all: boolean }>({ state: EMPTY, controller: new AbortController(), all: false })
  const show = useCallback((change: Partial<State>) => {
    now.current.state = { ...now.current.state, ...change }
    setState(now.current.state)
  }, [])
  /** Loads behind what is there: the next page, or all that is left. again: from the beginning, as far as it was
   * loaded; what is shown meanwhile stays, and with it where it is scrolled to. */
  const load = useCallback(
    async (again = false) => {
      const { controller } = now.current
      const wanted = again ? now.current.state.entries.length : 0
      let { entries, next } = again ? EMPTY : now.current.state
      show({ loading: true, error: undefined })
      try {
        do {
          const page: ListingPage = await listPage({ bucket, prefix, delimiter, versions, at: next, signal: controller.signal })
          if (controller.signal.aborted) return
          /* Folders of later pages stand where they came: the order is the store's. */
          entries = entries.length === 0 ? page.entries : entries.concat(page.entries)
          next = page.next
          if (entries.length >= wanted || !next) show({ entries, next, complete: !next })
        } while (next && entries.length < ENTRIES_MAX && (now.current.all || entries.length < wanted))
        show({ loading: false })
      } catch (error) {
        if (!controller.signal.aborted) show({ error, loading: false })
      }
    },
    [bucket, prefix, versions, delimiter],
  )
  useLayoutEffect(() => {
    now.current = { state: EMPTY, controller: new AbortController(), all: false }
    setState(EMPTY)
    void load()
    return () => now.current.controller.abort()
  }, [load])
  const reload = useCallback(() => {
    now.current.controller.abort()
    now.current.controller = new AbortController()
    void load(true)
  }, [load])
  const full = !state.complete && state.entries.length >= ENTRIES_MAX
  const more = useCallback(() => {
    const { state: at } = now.current
    if (!at.loading && !at.complete && at.error === undefined && at.entries.length < ENTRIES_MAX) void load()
  }, [load])
  const all = useCallback(() => {
    now.current.all = true
    const { state: at } = now.current
    if (!at.loading && !at.complete) void load()
  }, [load])
  return { entries: state.entries, complete: state.complete, full, loading: state.loading, error: state.error, more, all, reload }
}
