/* Tags of objects: shown, changed, denied, and nothing but text wherever they come from. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import http from 'node:http'
import { after, before, test } from 'node:test'
import { axe, logIn, makeUser, newPage, open, s3Of, sdk, shot, signed, startBrowser, startLakegated } from './harness.mjs'

const { CreateBucketCommand, GetObjectTaggingCommand, HeadObjectCommand, PutObjectCommand, PutObjectTaggingCommand } = sdk
const Bucket = 'tagged'
const MARKUP = '<img src=x onerror=alert(1)>'
let server, browser, s3, elsewhere
const stored = async (Key) => Object.fromEntries((await s3.send(new GetObjectTaggingCommand({ Bucket, Key }))).TagSet.map((tag) => [tag.Key, tag.Value]))

/** A source that has one object, whose tags are such as no tags may be. */
async function startSource() {
  const escaped = MARKUP.replaceAll('<', '&lt;')
  const source = http.createServer((request, answer) => {
    const { searchParams } = new URL(request.url, 'http://source')
    const xml = searchParams.has('tagging')
      ? `<Tagging><TagSet><Tag><Key>${escaped}</Key><Value>${escaped}</Value></Tag></TagSet></Tagging>`
      : searchParams.has('list-type')
        ? '<ListBucketResult><IsTruncated>false</IsTruncated><Contents><Key>k</Key><Size>1</Size><ETag>"9dd4e461268c8034f5c8564e155c67a6"</ETag></Contents></ListBucketResult>'
        : 'x'
    answer.writeHead(200, { etag: '"9dd4e461268c8034f5c8564e155c67a6"', 'content-length': Buffer.byteLength(xml), 'x-amz-tagging-count': 1, 'last-modified': 'Thu, 01 Jan 2026 00:00:00 GMT' })
    answer.end(request.method === 'HEAD' ? '' : xml)
  })
  source.listen(0, '127.0.0.1')
  await once(source, 'listening')
  return source
}

before(async () => {
  elsewhere = await startSource()
  const endpoint = `http://127.0.0.1:${elsewhere.address().port}`
  server = await startLakegated(['--remote-endpoints', endpoint, '--remote-addresses', '127.0.0.0/8'])
  browser = await startBrowser()
  s3 = s3Of(server)
  await s3.send(new CreateBucketCommand({ Bucket }))
  await signed(server, { method: 'POST', path: '/-/links', body: JSON.stringify({ name: 'linked', source: 's3://there', endpoint_url: endpoint }) })
})
after(async () => {
  await browser?.close()
  await server?.stop()
  elsewhere?.closeAllConnections()
  elsewhere?.close()
})

test('tags are added, changed and removed, and the object stays what it is', async () => {
  const Key = 'a/b.csv'
  await s3.send(new PutObjectCommand({ Bucket, Key, Body: 'x', Tagging: 'team=blue' }))
  const was = await s3.send(new HeadObjectCommand({ Bucket, Key }))
  const page = await newPage(browser)
  await logIn(page, server)
  await open(page, server, 'browse', { bucket: Bucket, key: Key })
  const details = page.getByRole('complementary')
  await details.getByText('blue').waitFor()
  await details.getByRole('button', { name: 'Edit the tags' }).click()
  const dialog = page.getByRole('dialog')
  await dialog.getByText('At most 10 tags; names to 128, values to 256 characters').waitFor()
  await dialog.getByRole('group', { name: 'Tag 1' }).getByLabel('Value').fill('green')
  await dialog.getByRole('button', { name: 'Add a tag' }).click()
  const second = dialog.getByRole('group', { name: 'Tag 2' })
  await second.getByLabel('Name').fill('naïve ünï')
  await second.getByLabel('Value').fill('rtl-\u202egnp.exe')
  await shot(page, 'tags-dialog')
  assert.deepEqual(await axe(page), [])
  await dialog.getByRole('button', { name: 'Save' }).click()
  await details.getByText('rtl-\\u202egnp.exe').waitFor()
  assert.deepEqual(await stored(Key), { team: 'green', 'naïve ünï': 'rtl-\u202egnp.exe' })
  await shot(page, 'tags-details')
  assert.deepEqual(await axe(page), [])
  const is = await s3.send(new HeadObjectCommand({ Bucket, Key }))
  assert.deepEqual([is.ETag, is.LastModified], [was.ETag, was.LastModified])

  await details.getByRole('button', { name: 'Edit the tags' }).click()
  await dialog.getByRole('button', { name: 'Remove tag 1' }).click()
  await dialog.getByRole('button', { name: 'Remove tag 1' }).click()
  await dialog.getByRole('button', { name: 'Save' }).click()
  await dialog.waitFor({ state: 'detached' })
  await details.getByText('green').waitFor({ state: 'detached' })
  assert.deepEqual(await stored(Key), {})
  assert.deepEqual(page.problems, [])
})

test('what tags may not be is said before it is sent, and ten are enough, on a phone in the dark', async () => {
  const Key = 'limits'
  await s3.send(new PutObjectCommand({ Bucket, Key, Body: 'x', Tagging: Array.from({ length: 9 }, (_, i) => `tag-${i}=${'v'.repeat(20)}`).join('&') }))
  const page = await newPage(browser, { viewport: { width: 360, height: 740 }, colorScheme: 'dark' })
  await logIn(page, server)
  await open(page, server, 'browse', { bucket: Bucket, key: Key })
  await page.getByRole('button', { name: 'Edit the tags' }).click()
  const dialog = page.getByRole('dialog')
  await dialog.getByRole('button', { name: 'Add a tag' }).click()
  assert.equal(await dialog.getByRole('button', { name: 'Add a tag' }).isDisabled(), true)
  const last = dialog.getByRole('group', { name: 'Tag 10' })
  for (const [name, words] of [[MARKUP, 'There is a character that tags may not have'], ['tag-3', 'This name stands there twice'], ['aws:x', 'AWS’s own'], ['n'.repeat(129), 'at most 128']]) {
    await last.getByLabel('Name').fill(name)
    await last.getByText(words).waitFor()
    assert.equal(await dialog.getByRole('button', { name: 'Save' }).isDisabled(), true)
  }
  await shot(page, 'tags-limits-phone-dark')
  assert.deepEqual(await axe(page), [])
  assert.equal(await page.evaluate(() => document.documentElement.scrollWidth <= window.innerWidth), true)
  await last.getByLabel('Name').fill('tag-9')
  await dialog.getByRole('button', { name: 'Save' }).click()
  await dialog.waitFor({ state: 'detached' })
  assert.equal(Object.keys(await stored(Key)).length, 10)
  assert.deepEqual(page.problems, [])
})

test('who may not change tags is told so, and what was written stays', async () => {
  const Key = 'denied'
  await s3.send(new PutObjectCommand({ Bucket, Key, Body: 'x' }))
  await s3.send(new PutObjectTaggingCommand({ Bucket, Key, Tagging: { TagSet: [{ Key: 'kept', Value: 'yes' }] } }))
  const keys = await makeUser(server, 'looks', [{ Effect: 'Allow', Action: ['s3:ListAllMyBuckets', 's3:ListBucket', 's3:GetObject', 's3:GetObjectTagging'], Resource: '*' }])
  const page = await newPage(browser)
  await logIn(page, server, keys)
  await open(page, server, 'browse', { bucket: Bucket, key: Key })
  await page.getByRole('button', { name: 'Edit the tags' }).click()
  const dialog = page.getByRole('dialog')
  await dialog.getByLabel('Value').fill('no')
  await dialog.getByRole('button', { name: 'Save' }).click()
  await dialog.getByRole('alert').getByText('Denied', { exact: true }).waitFor()
  assert.equal(await dialog.getByLabel('Value').inputValue(), 'no')
  await dialog.getByRole('button', { name: 'Remove tag 1' }).click()
  await dialog.getByRole('button', { name: 'Save' }).click()
  await dialog.getByRole('alert').getByText(/s3:DeleteObjectTagging/).waitFor()
  await shot(page, 'tags-denied')
  assert.deepEqual(await axe(page), [])
  assert.deepEqual(await stored(Key), { kept: 'yes' })
  assert.deepEqual(page.problems, [])
})

test('tags from elsewhere that are none are an error, and would be text', async () => {
  const page = await newPage(browser)
  await logIn(page, server)
  await open(page, server, 'browse', { bucket: 'linked', key: 'k' })
  const details = page.getByRole('complementary')
  await details.getByRole('alert').waitFor()
  assert.equal(await details.getByText(MARKUP).count(), 0)
  /* Nothing of ours answers so; were it, it is text. */
  const text = MARKUP.replaceAll('<', '&lt;')
  await page.route(/[?&]tagging/, (route) => route.fulfill({ contentType: 'application/xml', body: `<Tagging><TagSet><Tag><Key>${text}</Key><Value>${text}</Value></Tag></TagSet></Tagging>` }))
  await details.getByRole('button', { name: 'Try again' }).click()
  await details.getByText(MARKUP).first().waitFor()
  assert.equal(await details.getByText(MARKUP).count(), 2)
  await details.getByRole('button', { name: 'Edit the tags' }).click()
  await page.getByRole('dialog').getByText('There is a character that tags may not have').waitFor()
  assert.equal(await page.locator('img').count(), 0)
  assert.deepEqual(page.problems, [])
})
