import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { axe, logIn, newPage, open, ROOT, s3Of, sdk, shot, signed, startBrowser, startLakegated } from './harness.mjs'

const { CopyObjectCommand, CreateBucketCommand, DeleteObjectCommand, DeletePublicAccessBlockCommand, GetObjectCommand, ListObjectVersionsCommand, PutBucketPolicyCommand, PutObjectCommand } = sdk
let server, browser, s3
const put = (Bucket, Key, Body, more = {}) => s3.send(new PutObjectCommand({ Bucket, Key, Body, ...more }))

before(async () => {
  server = await startLakegated()
  browser = await startBrowser()
  s3 = s3Of(server)
  for (const Bucket of ['lake', 'landing', 'public-site']) await s3.send(new CreateBucketCommand({ Bucket }))
  const zones = {
    Version: '2026-11-01',
    Zones: [
      { Name: 'raw', Prefix: 'raw/', WriteOnce: true, Duplicates: 'reject' },
      { Name: 'trusted', Prefix: 'trusted/', PromoteFrom: ['raw'], Duplicates: 'flag' },
      { Name: 'refined', Prefix: 'refined/', PromoteFrom: ['trusted'] },
    ],
  }
  await signed(server, { method: 'PUT', path: '/lake', query: { 'lakegate-zones': '' }, body: JSON.stringify(zones) })
  await put('lake', 'raw/2026/11/orders.csv', 'id,name\n1,anna\n2,"b, c"\n', { ContentType: 'text/csv', Metadata: { source: 'till', note: 'plain' } })
  await put('lake', 'raw/2026/12/orders.csv', 'id,name\n3,dora\n', { ContentType: 'text/csv' })
  await put('lake', 'readme.md', '# The lake\n\nRaw, trusted, refined.\n')
  await put('lake', 'config.json', '{"a": [1, 2, {"b": "<script>"}]}', { ContentType: 'application/json' })
  await s3.send(new CopyObjectCommand({ Bucket: 'lake', Key: 'trusted/orders.csv', CopySource: 'lake/raw/2026/11/orders.csv' }))
  for (let i = 0; i < 30; i++) await put('landing', `day=${String(i + 1).padStart(2, '0')}/part-0000.csv`, `x\n${i}\n`)
  await s3.send(new DeletePublicAccessBlockCommand({ Bucket: 'public-site' }))
  await s3.send(
    new PutBucketPolicyCommand({
      Bucket: 'public-site',
      Policy: JSON.stringify({ Version: '2012-10-17', Statement: [{ Effect: 'Allow', Principal: '*', Action: 's3:GetObject', Resource: 'arn:aws:s3:::public-site/*' }] }),
    }),
  )
})
after(async () => {
  await browser?.close()
  await server?.stop()
})

test('buckets show zones, size and what is public', async () => {
  const page = await newPage(browser)
  await logIn(page, server)
  const row = (name) => page.getByRole('row', { name: new RegExp(`^${name}`) })
  await row('public-site').getByText('public', { exact: true }).waitFor()
  await row('lake').getByText('trusted').waitFor()
  assert.match(await row('landing').innerText(), /30\s/)
  await shot(page, 'buckets')
  assert.deepEqual(await axe(page), [])
  assert.deepEqual(page.problems, [])
})

test('versions and delete markers are shown, read, deleted and brought back', async () => {
  const Bucket = 'history'
  await s3.send(new CreateBucketCommand({ Bucket }))
  await put(Bucket, 'readme.md', 'before versions', { ContentType: 'text/plain' })
  const page = await newPage(browser)
  await logIn(page, server)
  await open(page, server, 'browse', { bucket: Bucket })
  await page.getByRole('grid').getByText('readme.md').waitFor()
  assert.equal(await page.getByLabel('Versions').count(), 0)

  execFileSync('make', ['-s', 'CC=gcc', 'build/tests/console/versioning'], { cwd: ROOT, stdio: ['ignore', 'ignore', 'inherit'] })
  await server.aside((data) => execFileSync(join(ROOT, 'build/tests/console/versioning'), [data, Bucket]))
  for (const text of ['one', 'two words']) await put(Bucket, 'readme.md', text, { ContentType: 'text/plain' })
  const ids = []
  for (const Key of ['with+plus <b>', 'with+plus <b>']) ids.push((await put(Bucket, Key, 'x')).VersionId)
  await s3.send(new DeleteObjectCommand({ Bucket, Key: 'with+plus <b>' }))
  await page.getByRole('button', { name: 'Reload' }).click()
  await page.reload()
  await logIn(page, server)
  await open(page, server, 'browse', { bucket: Bucket })
  const grid = page.getByRole('grid')
  await grid.getByText('readme.md').waitFor()
  assert.equal(await grid.getByText('with+plus').count(), 0)
  await page.getByLabel('Versions').check()
  await grid.getByText('delete marker').waitFor()
  const versions = await s3.send(new ListObjectVersionsCommand({ Bucket }))
  const marker = versions.DeleteMarkers[0].VersionId
  const [two, one] = versions.Versions.map((version) => version.VersionId)
  assert.deepEqual(await grid.locator('.entry-row:not(.entry-head) .cell-version').allInnerTexts(), [two, one, 'null', marker, ids[1], ids[0]])
  await grid.getByText('with+plus <b>').first().waitFor()
  await shot(page, 'versions')
  assert.deepEqual(await axe(page), [])

  await grid.getByRole('link', { name: 'readme.md' }).nth(1).click()
  const details = page.getByRole('complementary')
  await details.getByText('an older version').waitFor()
  await details.getByRole('tab', { name: 'Preview' }).click()
  await details.locator('.source').getByText('one', { exact: true }).waitFor()
  await details.getByRole('tab', { name: 'Versions' }).click()
  await details.getByText('newest').waitFor()
  assert.equal(await details.locator('.version-row').count(), 3)
  await shot(page, 'versions-details')
  assert.deepEqual(await axe(page), [])
  await details.getByRole('button', { name: 'More actions' }).click()
  await page.getByRole('menuitem', { name: 'Delete this version…' }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'Delete', exact: true }).click()
  await page.getByRole('dialog').waitFor({ state: 'detached' })
  await assert.rejects(s3.send(new GetObjectCommand({ Bucket, Key: 'readme.md', VersionId: one })), { Code: 'NoSuchVersion' })
  assert.equal(await (await s3.send(new GetObjectCommand({ Bucket, Key: 'readme.md' }))).Body.transformToString(), 'two words')

  /* Without its marker the object is there again. */
  await grid.getByRole('row', { name: /delete marker/ }).getByRole('checkbox').check()
  await page.getByRole('button', { name: 'Delete', exact: true }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'Delete', exact: true }).click()
  await page.getByRole('dialog').waitFor({ state: 'detached' })
  await grid.getByText('delete marker').waitFor({ state: 'detached' })
  assert.equal((await s3.send(new GetObjectCommand({ Bucket, Key: 'with+plus <b>' }))).VersionId, ids[1])
  assert.deepEqual(page.problems, [])
})

test('a folder that is loaded is sorted by its columns', async () => {
  for (const [key, size] of [['s/a', 10], ['s/b', 30], ['s/c', 20], ['s/d/x', 1]]) await put('landing', key, 'x'.repeat(size))
  const page = await newPage(browser)
  await logIn(page, server)
  await open(page, server, 'browse', { bucket: 'landing', prefix: 's/' })
  const names = () => page.locator('.entry-row:not(.entry-head) .cell-name').allInnerTexts()
  await page.getByRole('grid').getByText('b', { exact: true }).waitFor()
  assert.deepEqual(await names(), ['d/', 'a', 'b', 'c'])
  await page.getByRole('button', { name: 'Size' }).click()
  await page.getByRole('columnheader', { name: 'Size' }).and(page.locator('[aria-sort=descending]')).waitFor()
  assert.deepEqual(await names(), ['d/', 'b', 'c', 'a'])
  await page.getByRole('button', { name: 'Size' }).click()
  await page.locator('[aria-sort=ascending]').waitFor()
  assert.deepEqual(await names(), ['d/', 'a', 'c', 'b'])
  assert.deepEqual(await axe(page), [])
  /* What is chosen is what is seen. */
  await page.getByLabel('Select c', { exact: true }).check()
  await page.getByRole('button', { name: 'Delete', exact: true }).click()
  await page.getByRole('dialog').getByRole('heading', { name: 'Delete c?' }).waitFor()
})

test('a folder shows tree, entries and details', async () => {
  const page = await newPage(browser)
  await logIn(page, server)
  await page.getByRole('link', { name: 'lake', exact: true }).click()
  await page.getByRole('grid').getByRole('link', { name: 'raw/' }).click()
  await page.getByRole('grid').getByRole('link', { name: '2026/' }).click()
  await page.getByRole('grid').getByRole('link', { name: '11/' }).click()
  await page.getByRole('grid').getByRole('link', { name: 'orders.csv' }).click()
  const details = page.getByRole('complementary')
  await details.getByText('till').waitFor()
  await details.getByText('text/csv').waitFor()
  await shot(page, 'browse-details')
  assert.deepEqual(await axe(page), [])
  await details.getByRole('tab', { name: 'Lineage' }).click()
  await details.getByRole('link', { name: 'lake/trusted/orders.csv' }).waitFor()
  assert.deepEqual(page.problems, [])
})
