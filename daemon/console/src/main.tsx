import { render } from 'preact'
import './styles/tokens.css'
import './styles/base.css'
import './styles/components.css'
import './styles/shell.css'
import { App } from './app'
import { startDropGuard } from './drop-guard'
import { startRouter } from './router'
import { startTheme } from './theme'

startTheme()
startRouter()
startDropGuard()
const root = document.getElementById('app')
if (root) {
  root.replaceChildren()
  render(<App />, root)
}
