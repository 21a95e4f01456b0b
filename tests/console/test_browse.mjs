import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { axe, logIn, newPage, open, s3Of, sdk, shot, signed, startBrowser, startLakegated } from './harness.mjs'

const { CreateBucketCommand, PutObjectCommand, PutBucketPolicyCommand, DeletePublicAccessBlockCommand, CopyObjectCommand } = sdk
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

test('versions and delete markers are shown when there are any', async () => {
  /* Nothing turns versioning on yet, so the listing is one that the store would answer, and the rest is real. */
  const version = (key, id, latest, size) =>
    `<Version><Key>${key}</Key><VersionId>${id}</VersionId><IsLatest>${latest}</IsLatest><LastModified>2026-11-2${size}T10:00:00.000Z</LastModified><ETag>"e"</ETag><Size>${size}</Size><StorageClass>STANDARD</StorageClass></Version>`
  const page = await newPage(browser)
  await page.route(/[?&]versions/, (route) =>
    route.fulfill({
      contentType: 'application/xml',
      body: `<?xml version="1.0"?><ListVersionsResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>lake</Name><Prefix></Prefix><EncodingType>url</EncodingType><MaxKeys>1000</MaxKeys><IsTruncated>false</IsTruncated>
        ${version('readme.md', 'null', true, 3)}${version('readme.md', 'v2', false, 2)}${version('with%2Bplus', 'v1', false, 1)}
        <DeleteMarker><Key>with%2Bplus</Key><VersionId>m1</VersionId><IsLatest>true</IsLatest><LastModified>2026-11-25T10:00:00.000Z</LastModified></DeleteMarker></ListVersionsResult>`,
    }),
  )
  await logIn(page, server)
  await open(page, server, 'browse', { bucket: 'lake' })
  await page.getByLabel('Versions').check()
  const grid = page.getByRole('grid')
  await grid.getByText('delete marker').waitFor()
  assert.deepEqual(
    await grid.locator('.entry-row:not(.entry-head) .cell-version').allInnerTexts(),
    ['null', 'v2', 'm1', 'v1'],
  )
  await grid.getByText('with+plus').first().waitFor()
  await shot(page, 'versions')
  assert.deepEqual(await axe(page), [])
  await grid.getByRole('link', { name: 'readme.md' }).first().click()
  const details = page.getByRole('complementary')
  await details.getByText('text/', { exact: false }).or(details.getByText('octet-stream')).first().waitFor()
  await details.getByRole('tab', { name: 'Versions' }).click()
  await details.getByText('newest').waitFor()
  assert.equal(await details.locator('.version-row').count(), 2)
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
