/* The pages: each is a chunk of its own, loaded when it is opened. To add one, add a row and write its file; README.md
 * has an example. */
import type { ComponentType } from 'preact'
import type { IconName } from './ui/icons'

export interface PageProps {
  params: Record<string, string>
}

export interface Page {
  /** in the address: #/ID */
  id: string
  title: string
  icon: IconName
  /** where the navigation shows it; absent: not at all */
  group?: 'Data' | 'Administration'
  /** which entry of the navigation is marked when this page is open */
  under?: string
  load: () => Promise<{ default: ComponentType<PageProps> }>
}

export const pages: Page[] = [
  { id: 'buckets', title: 'Buckets', icon: 'bucket', group: 'Data', load: () => import('./pages/buckets') },
  { id: 'browse', title: 'Bucket', icon: 'folder', under: 'buckets', load: () => import('./pages/browse') },
  { id: 'copies', title: 'Bulk copy', icon: 'cloud', group: 'Data', load: () => import('./pages/copies') },
  { id: 'bucket', title: 'Settings', icon: 'settings', under: 'buckets', load: () => import('./pages/bucket') },
  { id: 'dashboard', title: 'Dashboard', icon: 'chart', group: 'Administration', load: () => import('./pages/dashboard') },
  { id: 'access', title: 'Users and policies', icon: 'users', group: 'Administration', load: () => import('./pages/access') },
]

export const HOME = 'buckets'
