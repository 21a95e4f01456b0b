/* The console below a path of its own, with another region, and with an address for others. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { logIn, NAME, newPage, open, s3Of, sdk, startBrowser, startLakegated } from './harness.mjs'

const { CreateBucketCommand, PutObjectCommand } = sdk
let server, browser
before(async () => {
  server = await startLakegated(['--path-prefix', '/some/lake', '--region', 'eu-test-1', '--public-url', `http://public.${NAME}:1234/some/lake`], { prefix: '/some/lake', region: 'eu-test-1' })
  browser = await startBrowser()
  const s3 = s3Of(server)
  await s3.send(new CreateBucketCommand({ Bucket: 'placed' }))
  for (const Key of ['a/../b c.txt', 'plain.txt']) await s3.send(new PutObjectCommand({ Bucket: 'placed', Key, Body: 'content', ContentType: 'text/plain' }))
})
after(async () => {
  await browser?.close()
  await server?.stop()
})

test('everything works below a path', async () => {
  const page = await newPage(browser)
  await logIn(page, server)
  await page.getByRole('link', { name: 'placed', exact: true }).waitFor()
  await open(page, server, 'browse', { bucket: 'placed', key: 'a/../b c.txt' })
  const details = page.getByRole('complementary')
  await details.getByText('text/plain').waitFor()
  await details.getByRole('tab', { name: 'Preview' }).click()
  await details.locator('.source').getByText('content').waitFor()
  const downloading = page.waitForEvent('download')
  await details.getByRole('button', { name: 'Download' }).click()
  assert.equal((await downloading).suggestedFilename(), 'b c.txt')
  await page.getByRole('button', { name: 'Upload', exact: true }).click()
  const choosing = page.waitForEvent('filechooser')
  await page.getByRole('menuitem', { name: 'Files…' }).click()
  await (await choosing).setFiles({ name: 'up.txt', mimeType: 'text/plain', buffer: Buffer.from('up') })
  await page.locator('.dock-row[data-state=done]').waitFor()
  assert.deepEqual(page.problems, [])
})

test('links for others lead to the public address', async () => {
  const page = await newPage(browser)
  await logIn(page, server)
  await open(page, server, 'browse', { bucket: 'placed', key: 'plain.txt' })
  await page.getByRole('button', { name: 'Share' }).click()
  await page.getByLabel('Link').waitFor()
  const link = new URL(await page.getByLabel('Link').inputValue())
  assert.equal(link.origin + link.pathname, `http://public.${NAME}:1234/some/lake/placed/plain.txt`)
  /* What a proxy at that address passes on: the path and the Host unchanged. */
  const answer = await new Promise((resolve, reject) =>
    import('node:http').then(({ default: http }) => http.get({ host: '127.0.0.1', port: server.port, path: link.pathname + link.search, headers: { host: link.host } }, resolve).on('error', reject)),
  )
  assert.equal(answer.statusCode, 200)
  answer.resume()
})
