/* What is stored shares the console's origin: a page in a bucket must not read the console's storage, frame it, or
 * register a service worker over it. And the same page, let out of the sandbox beside a console with a host of its own,
 * does what it likes, so that these tests are known to see it. Under localhost, where browsers have service workers. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { ACCESS_KEY, logIn, NAME, newPage, ROOT, s3Of, sdk, SECRET_KEY, shot, SignatureV4, startBrowser, startLakegated } from './harness.mjs'

const require = createRequire(join(ROOT, 'daemon/console/package.json'))
const { Sha256 } = require('@smithy/core/checksum')
const { HttpRequest } = require('@smithy/core/protocols')

const SCRIPT = `(async () => {
  const found = {}
  const attempt = async (name, what) => { try { found[name] = await what() } catch (error) { found[name] = 'refused: ' + error.name } }
  await attempt('session', () => JSON.stringify({ ...sessionStorage }))
  await attempt('local', () => JSON.stringify({ ...localStorage }))
  await attempt('opener', () => (window.opener ? JSON.stringify({ ...window.opener.sessionStorage }) : 'none'))
  await attempt('worker', async () => (await navigator.serviceWorker.register('/pages/worker.js', { scope: '/pages/' })).scope)
  await attempt('frame', async () => {
    const frame = document.createElement('iframe')
    frame.src = '/-/console/'
    const loaded = new Promise((resolve) => { frame.onload = frame.onerror = resolve })
    document.body.append(frame)
    await loaded
    return frame.contentDocument ? 'open: ' + frame.contentDocument.title : 'closed'
  })
  document.title = 'ran ' + JSON.stringify(found)
})()`
const PAGE = `<!doctype html><title>quiet</title><body onload="document.title='ran onload'"><h1>A stored page</h1>
<img src=x onerror="document.title='ran onerror'"><a id=link href="javascript:document.title='ran link'">link</a>
<script>${SCRIPT}</script><script src="/pages/script.js"></script><script type=module>document.title = 'ran module'</script>`
const FRAMES = '<!doctype html><title>frames</title><iframe src="/-/console/"></iframe><object data="/-/console/"></object><embed src="/-/console/">'
const SVG = `<svg xmlns="http://www.w3.org/2000/svg" onload="document.documentElement.id='ran'"><script>document.documentElement.id='ran'</script></svg>`
const XHTML = `<html xmlns="http://www.w3.org/1999/xhtml"><head><title>quiet</title><script>document.title = 'ran'</script></head><body/></html>`
const OBJECTS = {
  'page.html': ['text/html', PAGE],
  'frames.html': ['text/html', FRAMES],
  'image.svg': ['image/svg+xml', SVG],
  'page.xhtml': ['application/xhtml+xml', XHTML],
  'page.xml': ['application/xml', XHTML],
  'page.txt': ['text/plain', PAGE],
  'nothing': ['', PAGE],
  'large.html': ['text/html', PAGE + ' '.repeat(700_000)],
  'script.js': ['text/javascript', "document.title = 'ran script'"],
  'worker.js': ['text/javascript', "addEventListener('fetch', (event) => event.respondWith(new Response('mine')))"],
}

let browser, shared
const servers = []
before(async () => {
  browser = await startBrowser()
  shared = await startWithPages()
})
after(async () => {
  await browser?.close()
  for (const server of servers) await server.stop()
})

/** A daemon with a public bucket full of such pages; its console under localhost, unless it has a host of its own. */
async function startWithPages(settings = []) {
  const server = await startLakegated(settings)
  servers.push(server)
  const s3 = s3Of(server)
  await s3.send(new sdk.CreateBucketCommand({ Bucket: 'pages' }))
  await s3.send(new sdk.DeletePublicAccessBlockCommand({ Bucket: 'pages' }))
  const statement = { Effect: 'Allow', Principal: '*', Action: 's3:GetObject', Resource: 'arn:aws:s3:::pages/*' }
  await s3.send(new sdk.PutBucketPolicyCommand({ Bucket: 'pages', Policy: JSON.stringify({ Version: '2012-10-17', Statement: [statement] }) }))
  for (const [Key, [ContentType, Body]] of Object.entries(OBJECTS))
    await s3.send(new sdk.PutObjectCommand({ Bucket: 'pages', Key, Body, ...(ContentType && { ContentType }) }))
  return { ...server, s3, here: `http://localhost:${server.port}`, console: `http://localhost:${server.port}/-/console/` }
}

/** Logged in, with the session's keys in sessionStorage: there is something to steal. */
async function loggedIn(server) {
  const page = await newPage(browser)
  await logIn(page, server, undefined, { keep: true })
  assert.ok((await page.evaluate(() => JSON.stringify({ ...sessionStorage }))).length > 50)
  return page
}

/** A URL by which anybody has the object, with a type that its owner did not give it. */
async function presigned(server, path, type) {
  const host = `localhost:${server.port}`
  const signer = new SignatureV4({ service: 's3', region: 'us-east-1', sha256: Sha256, uriEscapePath: false, credentials: { accessKeyId: ACCESS_KEY, secretAccessKey: SECRET_KEY } })
  const request = await signer.presign(
    new HttpRequest({ method: 'GET', protocol: 'http:', hostname: 'localhost', port: server.port, path, headers: { host, 'x-amz-content-sha256': 'UNSIGNED-PAYLOAD' }, query: { 'response-content-type': type } }))
  return `http://${host}${path}?${new URLSearchParams(request.query)}`
}

const said = (page) => page.evaluate(() => `${document.title} ${document.documentElement.id}`)

/** The page ran nothing, and left nothing behind. */
async function assertQuiet(page) {
  await page.waitForLoadState('load')
  assert.doesNotMatch(await said(page), /ran/)
  assert.deepEqual(page.context().serviceWorkers(), [])
}

test('a stored page runs no script, whatever it is and however it is opened', async () => {
  const server = shared
  const page = await loggedIn(server)
  assert.equal(await page.evaluate(() => window.isSecureContext && 'serviceWorker' in navigator), true)
  for (const key of Object.keys(OBJECTS).filter((name) => !name.endsWith('.js'))) {
    await page.goto(`${server.here}/pages/${key}`).catch((error) => assert.match(error.message, /Download|ERR_ABORTED/))
    await assertQuiet(page)
  }
  const answer = await page.goto(await presigned(server, '/pages/page.txt', 'text/html'))
  assert.equal(answer.headers()['content-type'], 'text/html')
  await assertQuiet(page)
})

test('nor in a tab that the console opened, nor after a click', async () => {
  const server = shared
  const page = await loggedIn(server)
  const [opened] = await Promise.all([page.waitForEvent('popup'), page.evaluate((url) => void window.open(url), `${server.here}/pages/page.html`)])
  await assertQuiet(opened)
  await opened.locator('#link').click()
  await assertQuiet(opened)
  await shot(opened, 'stored-page')
  assert.ok((await page.evaluate(() => JSON.stringify({ ...sessionStorage }))).length > 50)
})

test('the console is shown in no frame of a stored page', async () => {
  const server = shared
  const page = await newPage(browser)
  await page.goto(`${server.here}/pages/frames.html`)
  await page.waitForLoadState('load')
  const frames = page.frames().filter((frame) => frame !== page.mainFrame())
  assert.ok(frames.length >= 1)
  for (const frame of frames) assert.equal(await frame.locator('#app, .shell, input').count().catch(() => 0), 0)
})

test('beside a console with a host of its own, a page that is let out runs, and still cannot reach it', async () => {
  const server = await startWithPages(['--console-host', NAME, '--object-sandbox', 'off'])
  const console = `http://${NAME}:${server.port}/-/console/`
  const page = await newPage(browser)
  await logIn(page, { ...server, console }, undefined, { keep: true })
  await page.goto(`${server.here}/pages/page.html`)
  await page.waitForFunction(() => document.title.startsWith('ran {'))
  const found = JSON.parse((await page.title()).slice('ran '.length))
  assert.equal(found.session, '{}')
  assert.equal(found.local, '{}')
  assert.equal(found.worker, `${server.here}/pages/`)
  assert.doesNotMatch(found.frame, /Lakegate/)
  // Under the console's own name it is sandboxed even so.
  await page.goto(`http://${NAME}:${server.port}/pages/page.html`)
  await page.waitForLoadState('load')
  assert.doesNotMatch(await page.title(), /ran/)
  assert.ok((await page.goto(console).then(() => page.evaluate(() => JSON.stringify({ ...sessionStorage })))).length > 50)
})
