/* Uploads: files and folders, large ones by parts, pausing, going on after a reload, and what zones refuse. */
import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, afterEach, before, beforeEach, test } from 'node:test'
import { axe, logIn, newPage, open, s3Of, sdk, shot, signed, startBrowser, startLakegated } from './harness.mjs'

const { CreateBucketCommand, CreateMultipartUploadCommand, DeleteObjectCommand, GetObjectCommand, HeadObjectCommand, ListMultipartUploadsCommand, ListPartsCommand, ListObjectsV2Command, PutObjectCommand } = sdk
const bucket = 'drop'
const MIB = 1024 * 1024
let server, browser, s3, page, folder
before(async () => {
  server = await startLakegated()
  browser = await startBrowser()
  s3 = s3Of(server)
  folder = mkdtempSync(join(tmpdir(), 'lakegate-files-'))
  await s3.send(new CreateBucketCommand({ Bucket: bucket }))
  await signed(server, {
    method: 'PUT',
    path: `/${bucket}`,
    query: { 'lakegate-zones': '' },
    body: JSON.stringify({ Version: '2026-11-01', Zones: [{ Name: 'raw', Prefix: 'raw/', WriteOnce: true, Duplicates: 'reject', MaxObjects: 3 }] }),
  })
})
after(async () => {
  await browser?.close()
  await server?.stop()
  rmSync(folder, { recursive: true, force: true })
})
beforeEach(async () => {
  page = await newPage(browser)
  await logIn(page, server)
})
afterEach(async () => {
  assert.deepEqual(page.problems, [])
  await page.context().close()
})

const sha = (bytes) => createHash('sha256').update(bytes).digest('hex')
const stored = async (Key) => Buffer.from(await (await s3.send(new GetObjectCommand({ Bucket: bucket, Key }))).Body.transformToByteArray())
const openUploads = async () => (await s3.send(new ListMultipartUploadsCommand({ Bucket: bucket }))).Uploads ?? []
const row = (key, state) => page.locator(`.dock-row[data-key="${key}"]${state ? `[data-state="${state}"]` : ''}`)

function file(name, content) {
  const path = join(folder, name)
  mkdirSync(join(path, '..'), { recursive: true })
  writeFileSync(path, content)
  return path
}

async function upload(paths, prefix = '', what = 'Files…') {
  await open(page, server, 'browse', { bucket, prefix })
  await page.getByRole('button', { name: 'Upload', exact: true }).click()
  const choosing = page.waitForEvent('filechooser')
  await page.getByRole('menuitem', { name: what }).click()
  await (await choosing).setFiles(paths)
}

/** Bytes a second that go up; 0: as fast as it goes. */
async function slowly(bytesPerSecond) {
  const devtools = await page.context().newCDPSession(page)
  await devtools.send('Network.enable')
  await devtools.send('Network.emulateNetworkConditions', { offline: false, latency: 0, downloadThroughput: -1, uploadThroughput: bytesPerSecond || -1 })
}

test('files go up with their types, and show in the list', async () => {
  const text = 'id,name\n1,anna\n'
  await upload([file('one.csv', text), file('two.parquet', 'PAR1'), file('empty', ''), file('naïve – ünï.txt', 'x')])
  for (const key of ['one.csv', 'two.parquet', 'empty', 'naïve – ünï.txt']) await row(key, 'done').waitFor()
  assert.equal((await stored('one.csv')).toString(), text)
  const head = (Key) => s3.send(new HeadObjectCommand({ Bucket: bucket, Key }))
  assert.equal((await head('one.csv')).ContentType, 'text/csv')
  assert.equal((await head('two.parquet')).ContentType, 'application/vnd.apache.parquet')
  await page.getByRole('grid').getByRole('link', { name: 'two.parquet' }).waitFor()
  await page.getByText('Uploads: 4 of 4').waitFor()
  assert.deepEqual(await axe(page), [])
})

test('a folder keeps its paths', async () => {
  file('tree/a/1.txt', '1')
  file('tree/a/b/2.txt', '2')
  file('tree/3.txt', '3')
  await upload(join(folder, 'tree'), 'in/', 'A folder…')
  await page.getByText('Uploads: 3 of 3').waitFor()
  const keys = (await s3.send(new ListObjectsV2Command({ Bucket: bucket, Prefix: 'in/' }))).Contents.map((object) => object.Key)
  assert.deepEqual(keys, ['in/tree/3.txt', 'in/tree/a/1.txt', 'in/tree/a/b/2.txt'])
})

test('files that are dropped go up', async () => {
  await open(page, server, 'browse', { bucket, prefix: 'dropped/' })
  await page.locator('.browse').waitFor()
  const data = await page.evaluateHandle(() => {
    const transfer = new DataTransfer()
    transfer.items.add(new File(['dropped'], 'dropped.txt', { type: 'text/plain' }))
    return transfer
  })
  await page.dispatchEvent('.browse', 'dragenter', { dataTransfer: data })
  await page.getByText('Drop to upload into dropped/').waitFor()
  await page.dispatchEvent('.browse', 'drop', { dataTransfer: data })
  await row('dropped/dropped.txt', 'done').waitFor()
  assert.equal((await stored('dropped/dropped.txt')).toString(), 'dropped')
})

/** What the file manager of the desktop drops: paths, of which Chromium makes files and folders. */
async function dropPaths(paths, onto) {
  const devtools = await page.context().newCDPSession(page)
  const { x, y, width, height } = await page.locator(onto).boundingBox()
  const data = { items: [], files: paths, dragOperationsMask: 1 }
  for (const type of ['dragEnter', 'dragOver', 'drop']) await devtools.send('Input.dispatchDragEvent', { type, x: x + width / 2, y: y + height / 2, data })
}

test('folders that are dropped go up with their paths, and one without files says so', async () => {
  for (let i = 0; i < 130; i++) file(`dragged/many/${String(i).padStart(3, '0')}.txt`, `file ${i}`)
  file('dragged/deep/er/ünï <b>.csv', 'deep')
  mkdirSync(join(folder, 'dragged/empty'), { recursive: true })
  await open(page, server, 'browse', { bucket, prefix: 'by-hand/' })
  await page.locator('.empty').waitFor()
  await dropPaths([join(folder, 'dragged'), file('beside.txt', 'beside')], '.entries')
  await page.getByText('Uploads: 132 of 132').waitFor()
  const { Contents } = await s3.send(new ListObjectsV2Command({ Bucket: bucket, Prefix: 'by-hand/' }))
  const many = Array.from({ length: 130 }, (_, i) => `by-hand/dragged/many/${String(i).padStart(3, '0')}.txt`)
  assert.deepEqual(Contents.map((object) => object.Key), ['by-hand/beside.txt', 'by-hand/dragged/deep/er/ünï <b>.csv', ...many])
  assert.equal((await stored('by-hand/dragged/deep/er/ünï <b>.csv')).toString(), 'deep')
  await page.getByRole('grid').getByRole('link', { name: 'dragged/' }).waitFor()
  await shot(page, 'upload-dropped-folder')

  /* Beside the place for it nothing happens: the browser would open the file, and the console would be gone. */
  for (const beside of ['.side', '.dock']) {
    await dropPaths([join(folder, 'beside.txt')], beside)
    const kept = await page.locator(beside).evaluate((element) => {
      const dataTransfer = new DataTransfer()
      dataTransfer.items.add(new File(['x'], 'x.txt'))
      return ['dragover', 'drop'].map((type) => element.dispatchEvent(new DragEvent(type, { bubbles: true, cancelable: true, dataTransfer })))
    })
    assert.deepEqual(kept, [false, false])
  }
  await page.getByRole('button', { name: 'Clear the list' }).click()

  /* A folder of nothing says so. */
  await dropPaths([join(folder, 'dragged/empty')], '.entries')
  await page.getByText('There are no files in what was dropped').waitFor()
})

test('a large file goes by parts, can be paused, and goes on', async () => {
  const content = randomBytes(30 * MIB + 5)
  await slowly(8 * MIB)
  await upload([file('large.bin', content)])
  await page.waitForFunction(() => Number(document.querySelector('.dock-row [role=progressbar]')?.getAttribute('aria-valuenow')) >= 30)
  await shot(page, 'upload-running')
  await page.getByRole('button', { name: 'Pause large.bin' }).click()
  await row('large.bin', 'paused').waitFor()
  const parts = (await openUploads()).length
  assert.equal(parts, 1)
  await slowly(0)
  await page.getByRole('button', { name: 'Resume large.bin' }).click()
  await row('large.bin', 'done').waitFor()
  assert.equal(sha(await stored('large.bin')), sha(content))
  assert.match((await s3.send(new HeadObjectCommand({ Bucket: bucket, Key: 'large.bin' }))).ETag, /-4"$/)
  assert.deepEqual(await openUploads(), [])
})

test('after a reload the same file goes on where it was, and another one does not', async () => {
  const size = 48 * MIB
  const content = randomBytes(size)
  const path = file('again.bin', content)
  await slowly(12 * MIB)
  await upload([path])
  await row('again.bin', 'running').waitFor()
  const begun = async () => {
    const [one] = await openUploads()
    return one ? { id: one.UploadId, parts: (await s3.send(new ListPartsCommand({ Bucket: bucket, Key: 'again.bin', UploadId: one.UploadId }))).Parts ?? [] } : { parts: [] }
  }
  while ((await begun()).parts.length < 2) await page.waitForTimeout(50)
  await page.context().close()
  const there = await begun()
  assert.ok(there.parts.length < 6)
  page = await newPage(browser)
  await logIn(page, server)
  /* Another content under the same name must not be mixed with what is there. */
  const other = randomBytes(size)
  await upload([file('other/again.bin', other)])
  await row('again.bin', 'done').waitFor()
  assert.equal(sha(await stored('again.bin')), sha(other))
  assert.deepEqual((await openUploads()).map((one) => one.UploadId), [there.id])
  let sent = 0
  page.on('request', (request) => {
    if (request.method() === 'PUT') sent++
  })
  await upload([path])
  await row('again.bin', 'exists').waitFor()
  await page.getByRole('button', { name: 'Overwrite' }).click()
  await page.waitForFunction(() => document.querySelectorAll('.dock-row[data-state=done]').length === 2)
  assert.equal(sha(await stored('again.bin')), sha(content))
  /* A part that was on its way when the window closed may still have arrived. */
  assert.ok(sent <= 6 - there.parts.length, `${sent} parts were sent, ${there.parts.length} were there`)
  assert.deepEqual(await openUploads(), [])
})

test('uploads that were left are listed and given up', async () => {
  const { UploadId } = await s3.send(new CreateMultipartUploadCommand({ Bucket: bucket, Key: 'left/behind <b>.bin' }))
  assert.ok(UploadId)
  await open(page, server, 'browse', { bucket, prefix: 'left/' })
  await page.getByRole('button', { name: 'The bucket and this folder' }).click()
  await page.getByRole('menuitem', { name: 'Unfinished uploads…' }).click()
  await page.getByRole('cell', { name: 'left/behind <b>.bin' }).waitFor()
  assert.deepEqual(await axe(page), [])
  await page.getByRole('button', { name: 'Give up' }).click()
  await page.getByText('There are none').waitFor()
  assert.deepEqual(await openUploads(), [])
})

test('what is there is not overwritten unasked', async () => {
  await s3.send(new PutObjectCommand({ Bucket: bucket, Key: 'kept.txt', Body: 'old' }))
  await upload([file('kept.txt', 'new')])
  await row('kept.txt', 'exists').waitFor()
  assert.equal((await stored('kept.txt')).toString(), 'old')
  await page.getByRole('button', { name: 'Overwrite' }).click()
  await row('kept.txt', 'done').waitFor()
  assert.equal((await stored('kept.txt')).toString(), 'new')
})

test('a zone that refuses says so, with a way to the duplicate', async () => {
  await s3.send(new PutObjectCommand({ Bucket: bucket, Key: 'raw/first one+.csv', Body: 'same bytes' }))
  await upload([file('second.csv', 'same bytes')], 'raw/')
  await row('raw/second.csv', 'failed').getByText('The zone raw already has these bytes').waitFor()
  await shot(page, 'upload-duplicate')
  assert.deepEqual(await axe(page), [])
  await row('raw/second.csv').getByRole('link', { name: 'raw/first one+.csv' }).click()
  await page.getByTestId('details-name').getByText('first one+.csv').waitFor()
  await page.getByRole('button', { name: 'Clear the list' }).click()
  /* Overwriting is asked about first; that the zone refuses it is seen when it is tried. */
  await upload([file('first one+.csv', 'other bytes')], 'raw/')
  await page.getByRole('button', { name: 'Overwrite' }).click()
  await row('raw/first one+.csv', 'failed').getByText('write-once').waitFor()
  await upload([file('3.csv', '3'), file('4.csv', '4'), file('5.csv', '5')], 'raw/')
  await page.getByText('The zone raw is full').first().waitFor()
})

test('what failed is retried, and passes once the reason is gone', async () => {
  await signed(server, {
    method: 'PUT',
    path: `/${bucket}`,
    query: { 'lakegate-zones': '' },
    body: JSON.stringify({ Version: '2026-11-01', Zones: [{ Name: 'one', Prefix: 'wo/', Duplicates: 'reject' }] }),
  })
  await s3.send(new PutObjectCommand({ Bucket: bucket, Key: 'wo/there', Body: 'same', IfNoneMatch: '*' }))
  await upload([file('retry.txt', 'same')], 'wo/')
  await row('wo/retry.txt', 'failed').waitFor()
  await s3.send(new DeleteObjectCommand({ Bucket: bucket, Key: 'wo/there' }))
  await page.getByRole('button', { name: 'Retry retry.txt' }).click()
  await row('wo/retry.txt', 'done').waitFor()
  assert.equal((await stored('wo/retry.txt')).toString(), 'same')
})

test('cancelling leaves nothing behind', async () => {
  await slowly(2 * MIB)
  await upload([file('cancelled.bin', randomBytes(20 * MIB))])
  await page.waitForFunction(() => Number(document.querySelector('.dock-row [role=progressbar]')?.getAttribute('aria-valuenow')) >= 3)
  assert.equal((await openUploads()).length, 1)
  const aborted = page.waitForResponse((response) => response.request().method() === 'DELETE' && response.status() === 204)
  await page.getByRole('button', { name: 'Cancel cancelled.bin' }).click()
  await aborted
  assert.deepEqual(await openUploads(), [])
})

test('a connection that breaks is tried again', async () => {
  let broken = 0
  await page.route(/flaky\.bin/, (route) => (route.request().method() === 'PUT' && broken++ < 2 ? route.abort('connectionreset') : route.continue()))
  const content = randomBytes(9 * MIB)
  await upload([file('flaky.bin', content)])
  await row('flaky.bin', 'done').waitFor()
  assert.ok(broken >= 2)
  assert.equal(sha(await stored('flaky.bin')), sha(content))
})

test('many files are shown by a list that holds those in sight', async () => {
  await page.evaluate(() => {
    const { send } = XMLHttpRequest.prototype
    let now = 0
    window.most = 0
    XMLHttpRequest.prototype.send = function (body) {
      window.most = Math.max(window.most, ++now)
      this.addEventListener('readystatechange', () => this.readyState === 4 && now--)
      send.call(this, body)
    }
  })
  const paths = Array.from({ length: 300 }, (_, i) => file(`many/${String(i).padStart(3, '0')}.txt`, `file ${i}`))
  await upload(paths, 'many/')
  await page.getByText('Uploads: 300 of 300').waitFor()
  assert.ok((await page.locator('.dock-row').count()) < 40)
  const listed = await s3.send(new ListObjectsV2Command({ Bucket: bucket, Prefix: 'many/' }))
  assert.equal(listed.KeyCount, 300)
  assert.equal((await stored('many/299.txt')).toString(), 'file 299')
  assert.equal(await page.evaluate(() => window.most), 4)
})
