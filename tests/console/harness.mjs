/* A lakegated of one's own and a Chromium that looks at its console, for the tests of tests/console.
 *
 * The console is opened over plain http under a name that is not localhost, so that what browsers keep for secure
 * contexts (crypto.subtle, the clipboard) is not there: as in a lab without certificates. */
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, existsSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs'
import http from 'node:http'
import { createRequire } from 'node:module'
import net from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, extname, join, normalize } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

export const ROOT = join(dirname(fileURLToPath(import.meta.url)), '../..')
const require = createRequire(join(ROOT, 'daemon/console/package.json'))
export const { chromium } = require('playwright-core')
export const axeSource = readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8')
export const sdk = require('@aws-sdk/client-s3')
export const { SignatureV4 } = require('@smithy/signature-v4')
const { Sha256 } = require('@smithy/core/checksum')
const { HttpRequest } = require('@smithy/core/protocols')

export const ACCESS_KEY = 'lakegate-test'
export const SECRET_KEY = 'test-secret/with+odd=characters'
export const NAME = 'lake.test'
const DIST = join(ROOT, 'build/console/dist')
export const SHOTS = join(ROOT, 'build/console-shots')

export async function freePort() {
  const server = net.createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address()
  server.close()
  await once(server, 'close')
  return port
}

const get = (port, path) =>
  new Promise((resolve) => {
    http.get({ host: '127.0.0.1', port, path }, (answer) => resolve(answer.resume().statusCode)).on('error', () => resolve(0))
  })

/** A running lakegated. stop() ends it and removes its folder; aside(run) stops it, does run(its data folder), and starts it
 * again. */
export async function startLakegated(settings = [], { prefix = '', region = 'us-east-1' } = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'lakegate-console-'))
  const log = openSync(join(folder, 'log'), 'a')
  const port = await freePort()
  const program = process.env.LAKEGATED ?? join(ROOT, 'build/lakegated')
  const tail = () => readFileSync(join(folder, 'log'), 'utf8').split('\n').slice(-30).join('\n')
  const launch = async () => {
    const child = spawn(program, ['--data', join(folder, 'data'), '--listen', `127.0.0.1:${port}`, ...settings], {
      stdio: ['ignore', log, log],
      env: { ...process.env, LAKEGATE_ROOT_ACCESS_KEY: ACCESS_KEY, LAKEGATE_ROOT_SECRET_KEY: SECRET_KEY },
    })
    const ended = once(child, 'exit')
    for (let turn = 0; (await get(port, '/-/health/ready')) !== 200; turn++) {
      if (child.exitCode !== null || turn > 1200) throw new Error(`lakegated did not start:\n${tail()}`)
      await sleep(50)
    }
    return async () => {
      child.kill('SIGTERM')
      await ended
    }
  }
  let end = await launch()
  const proxy = (await get(port, `${prefix}/-/console/`)) === 200 ? null : await startProxy(port)
  const shown = proxy ? proxy.address().port : port
  return {
    port,
    region,
    console: `http://${NAME}:${shown}${prefix}/-/console/`,
    origin: `http://${NAME}:${shown}`,
    endpoint: `http://127.0.0.1:${port}${prefix}`,
    tail,
    async aside(run) {
      await end()
      run(join(folder, 'data'))
      end = await launch()
    },
    async stop() {
      proxy?.closeAllConnections()
      proxy?.close()
      await end()
      closeSync(log)
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; frame-src blob:; connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
const TYPES = { '.html': 'text/html; charset=utf-8', '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml' }

/** Serves build/console/dist at /-/console/ before a daemon that was built without it; the rest goes on unchanged. */
async function startProxy(port) {
  const server = http.createServer((request, answer) => {
    const path = request.url.split('?')[0]
    if (path.startsWith('/-/console')) {
      const name = path === '/-/console/' ? 'index.html' : path.slice('/-/console/'.length)
      const file = join(DIST, normalize(`/${name}`))
      if (!existsSync(file)) return answer.writeHead(404).end()
      answer.writeHead(200, { 'content-type': TYPES[extname(file)] ?? 'application/octet-stream', 'content-security-policy': POLICY, 'x-content-type-options': 'nosniff' })
      return answer.end(readFileSync(file))
    }
    const on = http.request({ host: '127.0.0.1', port, method: request.method, path: request.url, headers: request.headers }, (back) => {
      answer.writeHead(back.statusCode, back.statusMessage, back.headers)
      back.pipe(answer)
    })
    on.on('error', () => answer.destroy())
    request.on('error', () => on.destroy())
    answer.on('close', () => on.destroy())
    return request.pipe(on)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return server
}

/** The SDK's client of somebody, root when nobody is named. */
export function s3Of(server, keys = { accessKeyId: ACCESS_KEY, secretAccessKey: SECRET_KEY }) {
  return new sdk.S3Client({ endpoint: server.endpoint, region: server.region, forcePathStyle: true, credentials: keys, maxAttempts: 1 })
}

/** A signed request to the daemon: IAM's and STS's Query API, or a sub-resource. The body as text. */
export async function signed(server, { method = 'GET', path = '/', query = {}, body, service = 's3', headers = {}, keys }) {
  const url = new URL(server.endpoint)
  const signer = new SignatureV4({
    service,
    region: 'us-east-1',
    credentials: keys ?? { accessKeyId: ACCESS_KEY, secretAccessKey: SECRET_KEY },
    sha256: Sha256,
    uriEscapePath: false,
  })
  const request = await signer.sign(
    new HttpRequest({ method, protocol: 'http:', hostname: url.hostname, port: Number(url.port), path, query, headers: { host: url.host, ...headers }, body }),
  )
  const text = new URLSearchParams(query).toString().replaceAll('+', '%20')
  const answer = await fetch(`${server.endpoint}${path}${text ? `?${text}` : ''}`, { method, headers: request.headers, body })
  const content = await answer.text()
  if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${content}`)
  return content
}

export function iam(server, action, parameters = {}) {
  return signed(server, {
    method: 'POST',
    service: 'iam',
    body: new URLSearchParams({ Action: action, Version: '2010-05-08', ...parameters }).toString(),
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
  })
}

/** A user with an inline policy, and keys. */
export async function makeUser(server, name, statements) {
  await iam(server, 'CreateUser', { UserName: name })
  if (statements) await iam(server, 'PutUserPolicy', { UserName: name, PolicyName: 'own', PolicyDocument: JSON.stringify({ Version: '2012-10-17', Statement: statements }) })
  const made = await iam(server, 'CreateAccessKey', { UserName: name })
  const element = (tag) => made.match(new RegExp(`<${tag}>([^<]*)</${tag}>`))[1]
  return { accessKeyId: element('AccessKeyId'), secretAccessKey: element('SecretAccessKey') }
}

/** Files that a Python script writes below its first argument: it prints lines of "NAME PATH". → [name, bytes] */
export function pythonFiles(script) {
  const venv = join(ROOT, 'build/.venv/bin/python')
  const folder = mkdtempSync(join(tmpdir(), 'lakegate-files-'))
  const out = execFileSync(existsSync(venv) ? venv : (process.env.PYTHON ?? 'python3'), ['-c', script, folder], { encoding: 'utf8' })
  const files = out.trim().split('\n').map((line) => line.split(' ')).map(([name, path]) => [name, readFileSync(path)])
  rmSync(folder, { recursive: true })
  return files
}

export async function startBrowser() {
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    headless: true,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      `--host-resolver-rules=MAP ${NAME} 127.0.0.1`,
    ],
  })
}

/** A page of its own context, with what goes wrong in it kept in page.problems. */
export async function newPage(browser, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, acceptDownloads: true, locale: 'en-GB', timezoneId: 'UTC', ...options })
  const page = await context.newPage()
  page.setDefaultTimeout(45_000)
  page.problems = []
  page.on('pageerror', (error) => page.problems.push(`error: ${error.message}`))
  page.on('console', (message) => {
    if (/Content.Security.Policy|violates/i.test(message.text())) page.problems.push(message.text())
  })
  page.on('dialog', (dialog) => {
    page.problems.push(`a script asked: ${dialog.message()}`)
    void dialog.dismiss()
  })
  return page
}

export async function logIn(page, server, keys = { accessKeyId: ACCESS_KEY, secretAccessKey: SECRET_KEY }, { keep = false } = {}) {
  await page.goto(server.console)
  await page.getByLabel('Access key').fill(keys.accessKeyId)
  await page.getByLabel('Secret key').fill(keys.secretAccessKey)
  if (keep) await page.getByLabel('Stay logged in').check()
  await page.getByRole('button', { name: 'Log in' }).click()
  await page.locator('.shell').waitFor()
}

/** Goes to a page by its address, within the page that is open. */
export async function open(page, server, name, parameters = {}) {
  await page.goto(`${server.console}#/${name}?${new URLSearchParams(parameters)}`)
}

export async function shot(page, name) {
  mkdirSync(SHOTS, { recursive: true })
  await page.screenshot({ path: join(SHOTS, `${name}.png`) })
}

/** axe-core's serious and critical findings, as lines. It is evaluated by the test, not by the page's policy. */
export async function axe(page) {
  await page.evaluate(axeSource)
  const { violations } = await page.evaluate(() => window.axe.run(document, { resultTypes: ['violations'] }))
  return violations
    .filter((violation) => ['serious', 'critical'].includes(violation.impact))
    .map((violation) => `${violation.id}: ${violation.nodes.map((node) => `${node.target.join(' ')} (${node.failureSummary})`).join('; ')}`)
}
