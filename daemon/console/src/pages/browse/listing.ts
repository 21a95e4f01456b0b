/* The entries of one folder as far as they are loaded: a page at a time, as the list is scrolled. */
import { useCallback, useEffect, useRef, useState } from 'preact/hooks'
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
  const [turn, setTurn] = useState(0)
  const now = useRef<{ state: State; controller: AbortController; all: boolean }>({ state: EMPTY, controller: new AbortController(), all: false })
  const load = useCallback(async () => {
    const { controller } = now.current
    const show = (change: Partial<State>) => {
      now.current.state = { ...now.current.state, ...change }
      setState(now.current.state)
    }
    show({ loading: true, error: undefined })
    do {
      try {
        const before = now.current.state
        const page = await listPage({ bucket, prefix, delimiter, versions, at: before.next, signal: controller.signal })
        if (controller.signal.aborted) return
        /* Folders of later pages stand where they came: the order is the store's. */
        const entries = before.entries.length === 0 ? page.entries : before.entries.concat(page.entries)
        show({ entries, next: page.next, complete: !page.next })
      } catch (error) {
        if (controller.signal.aborted) return
        show({ error, loading: false })
        return
      }
    } while (now.current.all && !now.current.state.complete && now.current.state.entries.length < ENTRIES_MAX)
    show({ loading: false })
  }, [bucket, prefix, versions, delimiter])
  useEffect(() => {
    now.current = { state: EMPTY, controller: new AbortController(), all: false }
    setState(EMPTY)
    void load()
    return () => now.current.controller.abort()
  }, [load, turn])
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
  return { entries: state.entries, complete: state.complete, full, loading: state.loading, error: state.error, more, all, reload: useCallback(() => setTurn((before) => before + 1), []) }
}
