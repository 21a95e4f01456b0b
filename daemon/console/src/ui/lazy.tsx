/* A component of another chunk, loaded when it is first shown. */
import type { ComponentType } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import { Spinner } from './basics'
import { ErrorView } from './errors'

export function lazyPart<P extends object>(load: () => Promise<{ default: ComponentType<P> }>): ComponentType<P> {
  let part: ComponentType<P> | undefined
  return function Lazy(props: P) {
    const [, setTurn] = useState(0)
    const [error, setError] = useState<unknown>(null)
    useEffect(() => {
      if (!part)
        load().then(
          (module) => {
            part = module.default
            setTurn((turn) => turn + 1)
          },
          (thrown) => setError(thrown),
        )
    }, [])
    const Part = part
    if (Part) return <Part {...props} />
    if (error !== null) return <ErrorView error={error} title="It could not be loaded" />
    return <Spinner />
  }
}
