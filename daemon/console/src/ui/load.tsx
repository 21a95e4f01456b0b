/* Loading something for a page: useLoad() runs it again when its dependencies change and cancels the run before. */
import type { ComponentChildren } from 'preact'
import { useCallback, useEffect, useState } from 'preact/hooks'
import { Spinner } from './basics'
import { ErrorView, type Asked } from './errors'

export interface Loaded<T> {
  value?: T
  error?: unknown
  loading: boolean
  reload: () => void
}

export function useLoad<T>(run: (signal: AbortSignal) => Promise<T>, dependencies: unknown[]): Loaded<T> {
  const [state, setState] = useState<{ value?: T; error?: unknown; loading: boolean }>({ loading: true })
  const [turn, setTurn] = useState(0)
  useEffect(() => {
    const controller = new AbortController()
    setState((before) => ({ value: turn > 0 ? before.value : undefined, loading: true }))
    run(controller.signal).then(
      (value) => !controller.signal.aborted && setState({ value, loading: false }),
      (error) => !controller.signal.aborted && setState({ error, loading: false }),
    )
    return () => controller.abort()
  }, [...dependencies, turn])
  return { ...state, reload: useCallback(() => setTurn((before) => before + 1), []) }
}

/** A spinner, the error, or what the value looks like. */
export function Load<T>({ of, asked, children }: { of: Loaded<T>; asked?: Asked; children: (value: T) => ComponentChildren }) {
  if (of.error !== undefined) return <ErrorView error={of.error} asked={asked} onRetry={of.reload} />
  if (of.value === undefined)
    return (
      <div class="page-wait">
        <Spinner />
      </div>
    )
  return <>{children(of.value)}</>
}
