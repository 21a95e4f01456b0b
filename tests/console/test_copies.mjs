/* Bulk copy: the form, what a job shows while it runs, and what can be done about it. The source is a second
 * lakegated with a public bucket. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { ACCESS_KEY, axe, logIn, makeUser, newPage, s3Of, sdk, SECRET_KEY, shot, signed, startBrowser, startLakegated } from './harness.mjs'

const HTML = '<img src=x onerror="alert(1)">'
const OBJECTS = 300
let source, server, browser, there, here

async function makePublic(bucket, statements = []) {
  await there.send(new sdk.CreateBucketCommand({ Bucket: bucket }))
  await there.send(new sdk.DeletePublicAccessBlockCommand({ Bucket: bucket }))
  await setPolicy(bucket, statements)
}

function setPolicy(bucket, statements) {
  const Statement = [
    { Effect: 'Allow', Principal: '*', Action: 's3:GetObject', Resource: `arn:aws:s3:::${bucket}/*` },
    { Effect: 'Allow', Principal: '*', Action: 's3:ListBucket', Resource: `arn:aws:s3:::${bucket}` },
    ...statements,
  ]
  return there.send(new sdk.PutBucketPolicyCommand({ Bucket: bucket, Policy: JSON.stringify({ Version: '2012-10-17', Statement }) }))
}

async function fill(bucket, contents) {
  const queue = [...contents]
  await Promise.all(
    Array.from({ length: 8 }, async () => {
      for (let next = queue.pop(); next; next = queue.pop()) await there.send(new sdk.PutObjectCommand({ Bucket: bucket, Key: next[0], Body: next[1] }))
    }),
  )
}

before(async () => {
  source = await startLakegated()
  server = await startLakegated(['--remote-endpoints', source.endpoint, '--remote-endpoints', 'aws', '--remote-addresses', '127.0.0.0/8'])
  browser = await startBrowser()
  there = s3Of(source)
  here = s3Of(server)
  await makePublic('public')
  await fill('public', Array.from({ length: OBJECTS }, (_, i) => [`data/${i % 7}/${i}.csv`, `row ${i}\n`.repeat(100)]))
  await fill('public', [[`data/${HTML}.csv`, 'odd'], ['data/notes.txt', 'left out']])
  await here.send(new sdk.CreateBucketCommand({ Bucket: 'mine' }))
})
after(async () => {
  await browser?.close()
  await server?.stop()
  await source?.stop()
})

const hash = (page, to) => page.evaluate((target) => (window.location.hash = target), to)

async function openForm({ from, to = 'mine', prefix = '', keys, ...options } = {}) {
  const page = await newPage(browser, options)
  await logIn(page, server, keys)
  await hash(page, '#/copies?new=1')
  await page.getByLabel('Where the source is').selectOption('other')
  await page.getByLabel('Endpoint').fill(source.endpoint)
  if (from) await page.getByLabel('Source', { exact: true }).fill(from)
  if (to) {
    await page.getByLabel('Bucket').selectOption(to)
    await page.getByLabel('Prefix').fill(prefix)
  }
  return page
}

const start = (page) => page.getByRole('button', { name: 'Start copying' }).click()
const state = (page, name) => page.locator('.page-head').getByText(name, { exact: true }).waitFor()

test('a public bucket is counted first, then copied, and the page shows it to its end', async () => {
  const page = await openForm({ from: 's3://public/data/', prefix: 'raw/' })
  await page.getByText('data/a.csv').waitFor()
  await page.getByText('Which objects').click()
  await page.getByLabel('Include').fill('*.csv')
  await shot(page, 'copies-form')
  assert.deepEqual(await axe(page), [])
  await page.getByRole('button', { name: 'Count first' }).click()
  await page.getByTestId('dry-run').getByText(new RegExp(`^${OBJECTS + 1} objects, .* would be copied$`)).waitFor()
  await shot(page, 'copies-counted')
  assert.equal((await here.send(new sdk.ListObjectsV2Command({ Bucket: 'mine' }))).KeyCount, 0)
  await start(page)
  await state(page, 'done')
  assert.deepEqual(JSON.parse(await signed(server, { path: '/-/copies' })).copies.map((job) => job.dry_run), [false])
  await page.getByText(`${OBJECTS + 1} of ${OBJECTS + 1} objects`).waitFor()
  await shot(page, 'copies-done')
  assert.deepEqual(await axe(page), [])
  const found = await here.send(new sdk.ListObjectsV2Command({ Bucket: 'mine', Prefix: 'raw/' }))
  assert.equal(found.KeyCount, OBJECTS + 1)
  assert.ok(found.Contents.some(({ Key }) => Key === `raw/${HTML}.csv`))
  assert.deepEqual(page.problems, [])
})

test('what fails is listed with its reason, and tried again alone', async () => {
  const key = `a/${HTML}.csv`
  await makePublic('partly', [{ Effect: 'Deny', Principal: '*', Action: 's3:GetObject', Resource: 'arn:aws:s3:::partly/a/<*' }])
  await fill('partly', [[key, 'one'], ['a/b.csv', 'two'], ['a/c.csv', 'three']])
  const page = await openForm({ from: 's3://partly/a/', prefix: 'partly/' })
  await start(page)
  await state(page, 'done')
  await page.getByRole('table', { name: 'Failures' }).getByRole('row', { name: /<img src=x.*SourceDenied The source refuses it/ }).waitFor()
  await shot(page, 'copies-failures')
  assert.deepEqual(await axe(page), [])
  assert.equal(await page.locator('img').count(), 0)
  await setPolicy('partly', [])
  await page.getByRole('button', { name: 'Try the failed again' }).click()
  await page.getByRole('table', { name: 'Failures' }).waitFor({ state: 'detached' })
  await state(page, 'done')
  const found = await here.send(new sdk.GetObjectCommand({ Bucket: 'mine', Key: `partly/${HTML}.csv` }))
  assert.equal(await found.Body.transformToString(), 'one')
  assert.deepEqual(page.problems, [])
})

test('a job is paused, goes on, and is canceled', async () => {
  await makePublic('slow')
  await fill('slow', Array.from({ length: 40 }, (_, i) => [`s/${i}`, Buffer.alloc(100_000, i)]))
  const page = await openForm({ from: 's3://slow/s/', prefix: 'slow/' })
  await page.getByText('Limits').click()
  await page.getByLabel('Bytes a second').fill('200 KiB')
  await start(page)
  await state(page, 'running')
  await page.getByRole('img', { name: /Rate of the copy over time/ }).waitFor()
  await shot(page, 'copies-running')
  assert.deepEqual(await axe(page), [])
  await page.getByRole('button', { name: 'Pause' }).click()
  await state(page, 'paused')
  await page.getByText('It was paused, and goes on when it is resumed.').waitFor()
  await hash(page, '#/copies')
  const row = page.getByRole('row', { name: /s3:\/\/slow\/s\// })
  await row.getByText('paused', { exact: true }).waitFor()
  await shot(page, 'copies-list')
  assert.deepEqual(await axe(page), [])
  await row.getByRole('link').click()
  await page.getByRole('button', { name: 'Resume' }).click()
  await state(page, 'running')
  await page.getByRole('button', { name: 'Cancel' }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'Cancel the job' }).click()
  await state(page, 'canceled')

  await page.getByRole('link', { name: 'Another like it' }).click()
  await page.waitForFunction(() => [...document.querySelectorAll('input')].some((input) => input.value === 's3://slow/s/'))
  assert.equal(await page.getByLabel('Bytes a second').inputValue(), '204800')
  await page.goBack()
  await page.getByRole('button', { name: 'Take off the list' }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'Take off' }).click()
  await page.getByRole('table', { name: 'Copy jobs' }).waitFor()
  await row.waitFor({ state: 'detached' })
  assert.deepEqual(page.problems, [])
})

test('keys of the source are used for the job, and shown nowhere', async () => {
  await there.send(new sdk.CreateBucketCommand({ Bucket: 'closed' }))
  await fill('closed', [['a', 'private']])
  const page = await openForm({ from: 's3://closed/', prefix: 'closed/' })
  await start(page)
  await state(page, 'failed')
  await page.getByText('The source refuses it. Is the bucket public').waitFor()
  await page.getByRole('link', { name: 'Another like it' }).click()
  await page.waitForFunction(() => [...document.querySelectorAll('input')].some((input) => input.value === 's3://closed/'))
  await page.getByLabel('The source asks for keys').check()
  await start(page)
  await page.getByText('Give the access key').waitFor()
  await page.getByLabel("Source's access key").fill(ACCESS_KEY)
  await page.getByLabel("Source's secret key").fill(SECRET_KEY)
  await start(page)
  await state(page, 'done')
  assert.equal((await page.content()).includes(SECRET_KEY), false)
  assert.equal((await here.send(new sdk.ListObjectsV2Command({ Bucket: 'mine', Prefix: 'closed/' }))).KeyCount, 1)
  assert.deepEqual(page.problems, [])
})

test('what is typed wrong is said at its field, and what the server refuses is told', async () => {
  const page = await openForm({ to: '' })
  await start(page)
  await page.getByText('s3://BUCKET/PREFIX').waitFor()
  await page.getByText('Where to?').waitFor()
  await page.getByLabel('Source', { exact: true }).fill('s3://public/')
  await page.getByLabel('Bucket').selectOption('mine')
  await page.getByLabel('Endpoint').fill('http://169.254.169.254')
  await start(page)
  await state(page, 'failed')
  await page.getByText('SourceNotAllowed').waitFor()
  await shot(page, 'copies-refused')
  assert.deepEqual(await axe(page), [])
  assert.deepEqual(page.problems, [])
})

test('a source that is written as HTML is shown as it is written', async () => {
  const wanted = { source: { bucket: 'public', prefix: HTML, endpoint: source.endpoint }, destination: { bucket: 'mine', prefix: `${HTML}/` } }
  const job = JSON.parse(await signed(server, { method: 'POST', path: '/-/copies', body: JSON.stringify(wanted) }))
  const page = await newPage(browser)
  await logIn(page, server)
  await hash(page, '#/copies')
  await page.getByRole('link', { name: `s3://public/${HTML}` }).click()
  await page.getByRole('heading', { name: `s3://public/${HTML}` }).waitFor()
  await state(page, 'done')
  assert.equal(await page.locator('img').count(), 0)
  assert.equal(JSON.parse(await signed(server, { path: `/-/copies/${job.id}` })).progress.copied_objects, 0)
  assert.deepEqual(page.problems, [])
})

test('a job that is gone is said to be gone', async () => {
  const page = await newPage(browser)
  await logIn(page, server)
  await hash(page, '#/copies?id=0000000000000000')
  await page.getByRole('alert').getByText('NoSuchCopyJob', { exact: true }).waitFor()
  assert.deepEqual(page.problems, [])
})

test('a bucket of this gateway is copied without moving bytes, and who may not is told, on a phone in the dark', async () => {
  const keys = await makeUser(server, 'copier', [{ Effect: 'Allow', Action: ['s3:*', 'lakegate:GetCopyJob', 'lakegate:ListCopyJobs'], Resource: '*' }])
  const phone = { viewport: { width: 360, height: 740 }, colorScheme: 'dark' }
  const page = await openForm({ keys, ...phone })
  await page.getByLabel('Where the source is').selectOption('local')
  await page.getByLabel('Source', { exact: true }).fill('s3://mine/partly/')
  await page.getByLabel('Prefix').fill('local/')
  await start(page)
  await page.getByRole('alert').getByText(/lakegate:CreateCopyJob/).first().waitFor()
  await shot(page, 'copies-denied-phone-dark')
  assert.deepEqual(await axe(page), [])
  await page.context().close()

  const other = await openForm(phone)
  await other.getByLabel('Where the source is').selectOption('local')
  await other.getByLabel('Source', { exact: true }).fill('s3://mine/partly/')
  await other.getByLabel('Prefix').fill('local/')
  await start(other)
  await state(other, 'done')
  await shot(other, 'copies-job-phone-dark')
  assert.deepEqual(await axe(other), [])
  assert.equal(await other.evaluate(() => document.documentElement.scrollWidth <= window.innerWidth), true)
  assert.deepEqual(other.problems, [])
})

test('a bucket elsewhere is linked, read through its name here, and unlinked', async () => {
  const page = await newPage(browser)
  await logIn(page, server)
  await hash(page, '#/copies?tab=links')
  await page.getByText('No linked buckets').waitFor()
  await page.getByRole('button', { name: 'Link a bucket' }).click()
  const dialog = page.getByRole('dialog')
  await dialog.getByLabel('Name here').fill('linked')
  await dialog.getByLabel('Source', { exact: true }).fill('s3://no-such-bucket-there/')
  await dialog.getByLabel('Endpoint').fill(source.endpoint)
  await dialog.getByRole('button', { name: 'Link', exact: true }).click()
  await dialog.getByRole('alert').waitFor()
  await dialog.getByLabel('Source', { exact: true }).fill('public/data/')
  await dialog.getByRole('button', { name: 'Link', exact: true }).click()
  const row = page.getByRole('table', { name: 'Linked buckets' }).getByRole('row', { name: /^linked/ })
  await row.waitFor()
  await shot(page, 'copies-links')
  assert.deepEqual(await axe(page), [])
  const found = await here.send(new sdk.GetObjectCommand({ Bucket: 'linked', Key: 'notes.txt' }))
  assert.equal(await found.Body.transformToString(), 'left out')
  await row.getByRole('link', { name: 'linked' }).click()
  await page.getByText('notes.txt').waitFor()
  await page.goBack()
  await page.getByRole('button', { name: 'Remove linked' }).click()
  await dialog.getByRole('button', { name: 'Remove' }).click()
  await page.getByText('No linked buckets').waitFor()
  await assert.rejects(here.send(new sdk.GetObjectCommand({ Bucket: 'linked', Key: 'notes.txt' })), { Code: 'NoSuchBucket' })
  assert.deepEqual(page.problems, [])
})
