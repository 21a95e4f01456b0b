/* The dock, loaded when there is something in it: it brings the SDK's uploads along. */
import type { ComponentType } from 'preact'
import { dockOpen } from './dock-state'
import { tasks } from './tasks'
import { lazyPart } from './ui/lazy'

const Dock = lazyPart<object>(() => import('./upload/dock').then((module) => ({ default: module.Dock as ComponentType<object> })))

export function Work() {
  return dockOpen.value || tasks.value.length > 0 || everOpen() ? <Dock /> : null
}

let opened = false
function everOpen(): boolean {
  opened ||= dockOpen.value
  return opened
}
