/* Runs the tests of this folder, and ends with a line that tests/run.py counts. What they need and is not here makes
 * them skipped. usage: run.mjs [ARGUMENTS OF node --test] */
import { spawn } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const here = dirname(fileURLToPath(import.meta.url))
const files = readdirSync(here).filter((name) => /^test_.*\.mjs$/.test(name)).map((name) => join(here, name))
const missing = [process.env.CHROMIUM ?? '/usr/bin/chromium', join(here, '../../daemon/console/node_modules/playwright-core')].filter((path) => !existsSync(path))
if (missing.length > 0) {
  console.log(`SKIPPED [${files.length}] tests/console: ${missing.join(', ')} not here`)
  console.log(`0 passed, 0 failed, ${files.length} skipped`)
  process.exit(0)
}
const child = spawn(process.execPath, ['--test', '--test-reporter=tap', '--test-concurrency=2', ...process.argv.slice(2), ...files], { stdio: ['ignore', 'pipe', 'inherit'] })
let text = ''
child.stdout.setEncoding('utf8')
child.stdout.on('data', (chunk) => {
  text += chunk
  process.stdout.write(chunk)
})
child.on('close', (code) => {
  const count = (name) => Number(text.match(new RegExp(`^# ${name} (\\d+)$`, 'm'))?.[1] ?? 0)
  const failed = count('fail') + count('cancelled') || Number(code !== 0)
  const skipped = count('skipped') + count('todo')
  console.log(`${count('pass')} passed, ${failed} failed${skipped ? `, ${skipped} skipped` : ''}`)
  process.exit(code ?? 1)
})
