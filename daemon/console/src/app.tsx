/* The shell: login, navigation, and the page that the address names. */
import { Component, type ComponentChildren, type ComponentType } from 'preact'
import { useEffect, useLayoutEffect, useState } from 'preact/hooks'
import { HOME, pages, type Page, type PageProps } from './pages'
import { Login } from './pages/login'
import { go, href, route } from './router'
import { logOut } from './s3/login'
import { principalName, session } from './s3/session'
import { SessionWatch } from './session-watch'
import { isDark, setTheme, theme } from './theme'
import { Button, closeAllDialogs, Dialogs, Empty, ErrorView, Icon, Menu, Spinner, toast, Toasts } from './ui'
import { Work } from './work'

export function Mark() {
  return (
    <svg class="brand-mark" viewBox="0 0 32 32" aria-hidden="true">
      <rect width="32" height="32" rx="8" fill="#0f766e" />
      <path d="M6 13c3.3-3 6.7-3 10 0s6.7 3 10 0M6 19.500c3.3-3 6.7-3 10 0s6.7 3 10 0" fill="none" stroke="#fff" stroke-width="2.6" stroke-linecap="round" />
    </svg>
  )
}

class Boundary extends Component<{ children: ComponentChildren }, { error: unknown }> {
  override state = { error: null }
  static override getDerivedStateFromError(error: unknown) {
    return { error }
  }
  override render() {
    if (this.state.error === null) return <>{this.props.children}</>
    return <ErrorView error={this.state.error} title="This page broke" onRetry={() => this.setState({ error: null })} />
  }
}

const loaded = new Map<string, ComponentType<PageProps>>()

function CurrentPage({ page, params }: { page: Page; params: Record<string, string> }) {
  const [, setTurn] = useState(0)
  const [error, setError] = useState<unknown>(null)
  const Shown = loaded.get(page.id)
  useEffect(() => {
    setError(null)
    if (loaded.has(page.id)) return
    page.load().then(
      (module) => {
        loaded.set(page.id, module.default)
        setTurn((turn) => turn + 1)
      },
      (thrown) => setError(thrown),
    )
  }, [page.id])
  if (Shown) return <Shown params={params} />
  if (error !== null) return <ErrorView error={error} title="The page could not be loaded" onRetry={() => window.location.reload()} />
  return (
    <div class="page-wait">
      <Spinner />
    </div>
  )
}

function Navigation({ current, onPick }: { current: string; onPick: () => void }) {
  const groups = ['Data', 'Administration'] as const
  return (
    <nav class="nav" aria-label="Main">
      {groups.map((group) => {
        const shown = pages.filter((page) => page.group === group)
        if (shown.length === 0) return null
        return (
          <div key={group} class="nav">
            {group !== 'Data' && <div class="nav-title">{group}</div>}
            {shown.map((page) => (
              <a key={page.id} href={href(page.id)} aria-current={page.id === current ? 'page' : undefined} onClick={onPick}>
                <Icon name={page.icon} />
                {page.title}
              </a>
            ))}
          </div>
        )
      })}
    </nav>
  )
}

async function onLogOut(): Promise<void> {
  closeAllDialogs()
  const failure = await logOut()
  go(HOME, {}, true)
  if (failure) toast(`Logged out here; the server could not be told: ${failure}`, 'danger')
}

function Account() {
  const name = principalName.value.replace(/^user\//, '')
  return (
    <Menu
      label="Account"
      up
      start
      trigger={(props) => (
        <button type="button" class="account" {...props}>
          <span class="sr">Account</span>
          <span class="avatar" aria-hidden="true">
            {(name[0] ?? '?').toUpperCase()}
          </span>
          <span class="grow">
            <span class="ellipsis row" title={session.value?.arn}>
              {name}
            </span>
            <span class="muted num">{session.value?.account}</span>
          </span>
          <Icon name="up" />
        </button>
      )}
      entries={[
        { label: isDark.value ? 'Light colours' : 'Dark colours', icon: isDark.value ? 'sun' : 'moon', run: () => setTheme(isDark.value ? 'light' : 'dark') },
        { label: 'Colours of the system', icon: 'settings', disabled: theme.value === 'system', run: () => setTheme('system') },
        { label: 'Log out', icon: 'logout', rule: true, run: () => void onLogOut() },
      ]}
    />
  )
}

function Shell() {
  const [open, setOpen] = useState(false)
  const { page: id, params } = route.value
  const page = pages.find((candidate) => candidate.id === (id || HOME))
  useLayoutEffect(() => {
    document.title = page ? `${params.bucket ?? page.title} – Lakegate` : 'Lakegate'
    setOpen(false)
    closeAllDialogs()
  }, [page, params.bucket])
  return (
    <div class="shell">
      <a class="skip" href="#main" onClick={(event) => {
          event.preventDefault()
          document.getElementById('main')?.focus()
        }}>
        Skip to content
      </a>
      <div class={`side ${open ? 'open' : ''}`}>
        <a class="brand" href={href(HOME)}>
          <Mark />
          Lakegate
        </a>
        <Navigation current={page?.under ?? page?.id ?? ''} onPick={() => setOpen(false)} />
        <div class="side-foot">
          <Account />
        </div>
      </div>
      {open && <button type="button" class="side-scrim" aria-label="Close the menu" onClick={() => setOpen(false)} />}
      <div class="main">
        <header class="topbar">
          <Button icon="menu" kind="plain" label="Menu" expanded={open} onClick={() => setOpen(true)} />
          <a class="brand" href={href(HOME)}>
            <Mark />
            Lakegate
          </a>
        </header>
        <SessionWatch />
        <main class="page" id="main" tabIndex={-1}>
          <Boundary key={page?.id}>
            {page ? (
              <CurrentPage page={page} params={params} />
            ) : (
              <Empty icon="search" title="There is no such page">
                <a href={href(HOME)}>To the buckets</a>
              </Empty>
            )}
          </Boundary>
        </main>
      </div>
      <Work />
    </div>
  )
}

export function App() {
  return (
    <>
      {session.value ? <Shell key={session.value.arn} /> : <Login />}
      <Dialogs />
      <Toasts />
    </>
  )
}
