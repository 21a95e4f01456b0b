/* Work that goes on while one looks at something else: deletes, copies, moves. Shown in the dock with the uploads. */
import { signal, type Signal } from '@preact/signals'
import { asApiError } from './s3/errors'
import type { Refused } from './s3/objects'

export interface Task {
  id: number
  title: string
  done: Signal<number>
  /** 0 while it is not known */
  total: Signal<number>
  state: Signal<'running' | 'done' | 'failed' | 'cancelled'>
  refused: Signal<Refused[]>
  error: Signal<string>
  cancel: () => void
}

/** Listed refusals of a task; the rest is counted. */
const REFUSED_MAX = 200
export const tasks = signal<Task[]>([])
let nextId = 1

export interface TaskHandle {
  signal: AbortSignal
  done: (count: number) => void
  total: (count: number) => void
  refused: (refused: Refused[]) => void
}

/** Runs it, and resolves when it is over, well or not: true when nothing went wrong. */
export async function runTask(title: string, run: (handle: TaskHandle) => Promise<void>): Promise<boolean> {
  const controller = new AbortController()
  const task: Task = {
    id: nextId++,
    title,
    done: signal(0),
    total: signal(0),
    state: signal('running'),
    refused: signal([]),
    error: signal(''),
    cancel: () => controller.abort(),
  }
  tasks.value = [...tasks.value, task]
  try {
    await run({
      signal: controller.signal,
      done: (count) => (task.done.value += count),
      total: (count) => (task.total.value = count),
      refused: (more) => (task.refused.value = [...task.refused.value, ...more].slice(0, REFUSED_MAX)),
    })
    task.state.value = task.refused.value.length > 0 ? 'failed' : 'done'
  } catch (thrown) {
    task.error.value = asApiError(thrown).message
    task.state.value = controller.signal.aborted ? 'cancelled' : 'failed'
  }
  return task.state.value === 'done'
}

export function dismissTask(id: number): void {
  tasks.value = tasks.value.filter((task) => task.id !== id)
}
