/* Keys of every kind through the whole console, and markup in whatever comes from the store. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, before, test } from 'node:test'
import { logIn, newPage, open, s3Of, sdk, shot, startBrowser, startLakegated } from './harness.mjs'

const { CreateBucketCommand, GetObjectCommand, HeadObjectCommand, ListObjectsV2Command, PutObjectCommand } = sdk
const bucket = 'odd'
const MARKUP = '"><img src=x onerror=alert(1)><script>alert(2)</script>'
const KEYS = [
  '//',
  '/',
  '/lead',
  'a',
  'a/b',
  'a//b',
  'a/',
  '.',
  '..',
  './..',
  'x/../y',
  'x/./y',
  '../../-/console/index.html',
  'ctl\u0001\u001f\u007f',
  'line\nfeed\rreturn\ttab',
  '%2F',
  '%2e%2e/%00',
  'q?versionId=1&x=y',
  'h#ash',
  'p+l us',
  'emoji 😀🏞️',
  'rtl-\u202egnp.exe',
  'عربى/עברית.txt',
  MARKUP,
  `quote's \\back\\ "double"`,
  ' lead and trail ',
  'e\u0301 and \u00e9',
  '&amp;&lt;',
  'javascript:alert(1)',
  'l'.repeat(1000),
]
const bodyOf = (key) => `The body of an object whose key is as long as it is odd, and this many words before it make it a text: ${key}`
let server, browser, s3, page
before(async () => {
  server = await startLakegated()
  browser = await startBrowser()
  s3 = s3Of(server)
  await s3.send(new CreateBucketCommand({ Bucket: bucket }))
  for (const Key of KEYS) await s3.send(new PutObjectCommand({ Bucket: bucket, Key, Body: bodyOf(Key), ContentType: 'text/plain' }))
  page = await newPage(browser)
  await logIn(page, server)
})
after(async () => {
  await browser?.close()
  await server?.stop()
})

/** What the rows of the list lead to. */
async function rows() {
  await page.locator('.entry-row a').first().waitFor()
  return page.locator('.entry-row a').evaluateAll((links) =>
    links.map((link) => ({ kind: link.dataset.kind, params: Object.fromEntries(new URLSearchParams(link.href.split('?').slice(1).join('?'))) })),
  )
}

test('every key is reached by folders', async () => {
  const reached = []
  const waiting = ['']
  for (let prefix = waiting.shift(); prefix !== undefined; prefix = waiting.shift()) {
    await open(page, server, 'buckets')
    await page.getByRole('heading', { name: 'Buckets', exact: true }).waitFor()
    await open(page, server, 'browse', { bucket, prefix })
    for (const row of await rows()) {
      if (row.kind === 'folder') waiting.push(row.params.prefix)
      else reached.push(row.params.key)
    }
    if (prefix === '') await shot(page, 'keys')
  }
  assert.deepEqual(reached.sort(), [...KEYS].sort())
  assert.deepEqual(page.problems, [])
})

test('every key can be looked at, read and downloaded', async () => {
  for (const key of KEYS) {
    await open(page, server, 'browse', { bucket, prefix: key.slice(0, key.lastIndexOf('/') + 1), key })
    const details = page.getByRole('complementary')
    await details.getByText('text/plain').waitFor()
    await details.getByRole('tab', { name: 'Preview' }).click()
    await details.locator('.source').waitFor()
    assert.equal(await details.locator('.source').evaluate((element) => element.textContent), bodyOf(key), JSON.stringify(key))
    const downloading = page.waitForEvent('download')
    await details.getByRole('button', { name: 'Download' }).click()
    const download = await downloading
    assert.equal(readFileSync(await download.path(), 'utf8'), bodyOf(key), JSON.stringify(key))
    assert.doesNotMatch(download.suggestedFilename(), /[/\\\u0000-\u001f\u202e]/)
  }
  assert.deepEqual(page.problems, [])
})

test('every key can be shared', async () => {
  for (const key of KEYS) {
    await open(page, server, 'browse', { bucket, key })
    await page.getByRole('complementary').getByRole('button', { name: 'Share' }).click()
    const field = page.getByRole('dialog').getByLabel('Link')
    await field.waitFor()
    /* The signature covers the name of the host, so only Chromium, which maps it, can follow the link. */
    const text = await page.evaluate((url) => fetch(url).then((reply) => reply.text()), await field.inputValue())
    assert.equal(text, bodyOf(key), JSON.stringify(key))
    await page.keyboard.press('Escape')
    await page.getByRole('dialog').waitFor({ state: 'detached' })
  }
})

test('every key can be copied and deleted', async () => {
  for (const key of KEYS.filter((candidate) => candidate.length < 900)) {
    await open(page, server, 'browse', { bucket, key })
    const details = page.getByRole('complementary')
    await details.getByText('text/plain').waitFor()
    await details.getByRole('button', { name: 'More actions' }).click()
    await page.getByRole('menuitem', { name: 'Copy to…' }).click()
    /* A field of one line has no line ends. */
    const to = `copies/${key.replace(/[\r\n]/g, '_')}`
    await page.getByLabel('New key').fill(to)
    await page.getByRole('dialog').getByRole('button', { name: 'Copy', exact: true }).click()
    await page.locator('.dock-task[data-state=done]').waitFor()
    assert.equal(await (await s3.send(new GetObjectCommand({ Bucket: bucket, Key: to }))).Body.transformToString(), bodyOf(key))
    await page.locator('.dock-task').getByRole('button', { name: /^Dismiss/ }).click()
  }
  for (const key of KEYS) {
    await open(page, server, 'browse', { bucket, key })
    const details = page.getByRole('complementary')
    await details.getByText('text/plain').waitFor()
    await details.getByRole('button', { name: 'More actions' }).click()
    await page.getByRole('menuitem', { name: 'Delete…' }).click()
    await page.getByRole('dialog').getByRole('button', { name: 'Delete', exact: true }).click()
    await page.getByRole('dialog').waitFor({ state: 'detached' })
    await assert.rejects(s3.send(new HeadObjectCommand({ Bucket: bucket, Key: key })), { name: 'NotFound' }, JSON.stringify(key))
  }
  assert.deepEqual(page.problems, [])
})

test('a folder of odd keys is deleted whole', async () => {
  for (const Key of KEYS.filter((candidate) => candidate.length < 900)) await s3.send(new PutObjectCommand({ Bucket: bucket, Key: `gone/${Key}`, Body: 'x' }))
  await open(page, server, 'browse', { bucket })
  await page.getByRole('button', { name: 'Reload' }).click()
  await page.getByLabel('Select gone/').check()
  await page.getByRole('button', { name: 'Delete', exact: true }).click()
  await page.getByTestId('counted').getByText(`${KEYS.length - 1} objects`).waitFor()
  await page.getByRole('dialog').getByRole('button', { name: 'Delete', exact: true }).click()
  await page.locator('.dock-task[data-state=done]').waitFor()
  const { Contents = [] } = await s3.send(new ListObjectsV2Command({ Bucket: bucket, Prefix: 'gone/' }))
  assert.deepEqual(Contents, [])
})

test('markup in metadata, types and headers stays text', async () => {
  await s3.send(
    new PutObjectCommand({ Bucket: bucket, Key: 'meta', Body: MARKUP, ContentType: MARKUP, CacheControl: MARKUP, ContentDisposition: MARKUP, Metadata: { note: MARKUP, utf8: 'z' } }),
  )
  await open(page, server, 'browse', { bucket, key: 'meta' })
  const details = page.getByRole('complementary')
  await details.getByText(MARKUP).first().waitFor()
  assert.equal(await details.getByText(MARKUP).count(), 4)
  assert.equal(await details.locator('img, script').count(), 0)
  await details.getByRole('tab', { name: 'Lineage' }).click()
  await details.getByRole('heading', { name: 'Made from' }).waitFor()
  assert.deepEqual(page.problems, [])
})

test('the address of the page is nothing that acts', async () => {
  for (const [name, parameters] of [['browse', { bucket: MARKUP }], ['browse', { bucket, prefix: MARKUP, key: MARKUP }], [MARKUP, {}], ['browse', { bucket: '../..' }]]) {
    await open(page, server, name, parameters)
    await page.locator('#main').getByText(/Denied|NoSuch|Nothing here|no such page|not there|Invalid|HTTP|404/).first().waitFor()
  }
  assert.deepEqual(page.problems, [])
})
