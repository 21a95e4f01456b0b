/* Previews: what is shown, how little is read for it, and that nothing of what is stored can act. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { deflateSync } from 'node:zlib'
import { axe, logIn, newPage, open, pythonFiles, s3Of, sdk, shot, startBrowser, startLakegated } from './harness.mjs'

const { CreateBucketCommand, PutObjectCommand } = sdk
const bucket = 'looks'
let server, browser, s3, page
const put = (Key, Body, ContentType) => s3.send(new PutObjectCommand({ Bucket: bucket, Key, Body, ContentType }))

/** A PNG of one colour, made by hand. */
function png(width, height) {
  const crcOf = (bytes) => {
    let crc = ~0
    for (const byte of bytes) {
      crc ^= byte
      for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1
    }
    return ~crc >>> 0
  }
  const chunk = (type, data) => {
    const body = Buffer.concat([Buffer.from(type), data])
    const out = Buffer.alloc(body.length + 8)
    out.writeUInt32BE(data.length)
    body.copy(out, 4)
    out.writeUInt32BE(crcOf(body), body.length + 4)
    return out
  }
  const head = Buffer.alloc(13)
  head.writeUInt32BE(width)
  head.writeUInt32BE(height, 4)
  head.set([8, 2], 8)
  const line = Buffer.concat([Buffer.from([0]), Buffer.alloc(width * 3, 0x2d)])
  return Buffer.concat([
    Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'),
    chunk('IHDR', head),
    chunk('IDAT', deflateSync(Buffer.concat(Array(height).fill(line)))),
    chunk('IEND', Buffer.alloc(0)),
  ])
}

/** Parquet files as arrow-rs writes them, one for each codec. */
const parquetFiles = () =>
  pythonFiles(`
import glob, sys
import arro3.core as a
from deltalake import write_deltalake, WriterProperties
rows = 20000
table = a.Table.from_pydict({
    "id": a.Array(list(range(rows)), a.DataType.int64()),
    "name": a.Array([f"name-{i}" for i in range(rows)], a.DataType.utf8()),
    "score": a.Array([i / 4 for i in range(rows)], a.DataType.float64()),
    "<b>bold</b>": a.Array(["<img src=x onerror=alert(1)>" for i in range(rows)], a.DataType.utf8())})
for codec in ("SNAPPY", "ZSTD", "GZIP", "BROTLI", "LZ4_RAW", "UNCOMPRESSED"):
    to = f"{sys.argv[1]}/{codec}"
    write_deltalake(to, table, writer_properties=WriterProperties(compression=codec, max_row_group_size=5000))
    print(codec, glob.glob(f"{to}/*.parquet")[0])
`)

before(async () => {
  server = await startLakegated()
  browser = await startBrowser()
  s3 = s3Of(server)
  await s3.send(new CreateBucketCommand({ Bucket: bucket }))
  page = await newPage(browser)
  await logIn(page, server)
})
after(async () => {
  await browser?.close()
  await server?.stop()
})

async function preview(key) {
  await open(page, server, 'browse', { bucket, key })
  const details = page.getByRole('complementary')
  await details.getByRole('tab', { name: 'Preview' }).click()
  return details
}

/** Bytes of objects that the page reads while something runs. */
async function bytesRead(run) {
  let bytes = 0
  const count = (response) => {
    const { pathname, search } = new URL(response.url())
    if (pathname.startsWith(`/${bucket}/`) && search === '' && response.request().method() === 'GET') bytes += Number(response.headers()['content-length'] ?? 0)
  }
  page.on('response', count)
  await run()
  page.off('response', count)
  return bytes
}

test('JSON is laid out, and its markup stays text', async () => {
  await put('a.json', '{"a":[1,2],"b":"<script>alert(1)</script>"}', 'application/json')
  const details = await preview('a.json')
  await details.getByText('"b": "<script>alert(1)</script>"').waitFor()
})

test('CSV is a table', async () => {
  await put('a.csv', 'id,name\n1,anna\n2,"x, y"\n3,"<b>z</b>"\n', 'text/csv')
  const details = await preview('a.csv')
  await details.getByRole('columnheader', { name: 'name' }).waitFor()
  await details.getByRole('cell', { name: 'x, y' }).waitFor()
  await details.getByRole('cell', { name: '<b>z</b>' }).waitFor()
  await shot(page, 'preview-csv')
  assert.deepEqual(await axe(page), [])
})

test('HTML and SVG are shown as source, whatever type they claim', async () => {
  const html = '<!doctype html><script>alert(document.domain)</script><img src=x onerror=alert(1)>'
  const svg = '<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"><script>alert(2)</script></svg>'
  for (const [key, body, type] of [['a.html', html, 'text/html'], ['b.html', html, 'application/xhtml+xml'], ['a.svg', svg, 'image/svg+xml'], ['b.png', svg, 'image/svg+xml']]) {
    await put(key, body, type)
    const details = await preview(key)
    await details.getByText(body.slice(0, 20)).waitFor()
    assert.equal(await details.locator('iframe, img').count(), 0)
  }
  await put('c.png', svg, 'image/png')
  await (await preview('c.png')).getByText('no image that this browser can show').waitFor()
  assert.deepEqual(page.problems, [])
})

test('images are drawn from a blob', async () => {
  await put('a.png', png(64, 48), 'image/png')
  const details = await preview('a.png')
  const image = details.getByRole('img', { name: 'Preview of a.png' })
  await image.waitFor()
  await page.waitForFunction(() => document.querySelector('.picture')?.naturalWidth === 64)
  assert.match(await image.getAttribute('src'), /^blob:/)
})

/** A PDF of one page with a word on it. */
function pdf(word) {
  const content = `BT /F1 24 Tf 40 100 Td (${word}) Tj ET`
  const objects = [
    '<</Type/Catalog/Pages 2 0 R>>',
    '<</Type/Pages/Kids[3 0 R]/Count 1>>',
    '<</Type/Page/Parent 2 0 R/MediaBox[0 0 300 200]/Contents 4 0 R/Resources<</Font<</F1 5 0 R>>>>>>',
    `<</Length ${content.length}>>stream\n${content}\nendstream`,
    '<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>',
  ]
  let text = '%PDF-1.4\n'
  const places = objects.map((object, i) => {
    const at = text.length
    text += `${i + 1} 0 obj\n${object}\nendobj\n`
    return `${String(at).padStart(10, '0')} 00000 n \n`
  })
  return `${text}xref\n0 6\n0000000000 65535 f \n${places.join('')}trailer<</Size 6/Root 1 0 R>>\nstartxref\n${text.length}\n%%EOF\n`
}

test('a PDF is shown by the viewer of the browser, and by nothing else', async () => {
  /** Shown by the viewer: it is an extension's page in the frame of the blob. */
  const viewed = async (key) => {
    const frame = (await preview(key)).locator('iframe')
    const url = await frame.getAttribute('src')
    assert.match(url, /^blob:/)
    const isViewer = (one) => one.url().startsWith('chrome-extension://') && one.parentFrame()?.url() === url
    for (let turn = 0; !page.frames().some(isViewer); turn++) {
      assert.ok(turn < 400, `no viewer among ${page.frames().map((one) => one.url())}`)
      await page.waitForTimeout(50)
    }
  }
  await put('a.pdf', pdf('Hello lake'), 'text/html')
  await viewed('a.pdf')
  await shot(page, 'preview-pdf')
  /* A page that says it is a PDF goes to the same viewer, which does not run it. */
  await put('b.pdf', '<!doctype html><script>alert(1)</script>', 'application/pdf')
  await viewed('b.pdf')
  assert.deepEqual(page.problems, [])
})

test('a large text is read by pieces', async () => {
  await put('big.log', `first line\n${'x'.repeat(99)}\n`.repeat(200_000), 'text/plain')
  let details
  const first = await bytesRead(async () => {
    details = await preview('big.log')
    await details.getByText('The first 256 KiB of').waitFor()
  })
  assert.equal(first, 256 * 1024)
  const more = await bytesRead(async () => {
    await details.getByRole('button', { name: 'Show more' }).click()
    await details.getByText('The first 512 KiB of').waitFor()
  })
  assert.equal(more, 256 * 1024)
})

test('no preview reads more than 16 MiB', async () => {
  const MIB = 1024 * 1024
  await put('huge.log', Buffer.alloc(17 * MIB, 'a line of sixteen\n'), 'text/plain')
  await put('huge.json', Buffer.from(`["${'x'.repeat(17 * MIB)}"]`), 'application/json')
  for (const key of ['huge.log', 'huge.json']) {
    const read = await bytesRead(async () => {
      await preview(key)
      /* Looked for in the page: a locator would go through all of the text. */
      const said = (words) => page.waitForFunction((text) => document.querySelector('.details p.row.muted')?.textContent.includes(text), words)
      for (const words of ['256 KiB', '512 KiB', '1.0 MiB', '2.0 MiB', '4.0 MiB', '8.0 MiB']) {
        await said(`The first ${words} of`)
        await page.evaluate(() => document.querySelector('.details p.row.muted button').click())
      }
      await said('A preview reads no more than that')
      assert.equal(await page.locator('.details p.row.muted button').count(), 0)
    })
    assert.equal(read, 16 * MIB, key)
  }
  for (const [key, type] of [['huge.png', 'image/png'], ['huge.pdf', 'application/pdf']]) {
    await put(key, Buffer.alloc(17 * MIB, 1), type)
    const read = await bytesRead(async () => await (await preview(key)).getByText(/16(\.0)? MiB/).first().waitFor())
    assert.equal(read, 0, key)
  }
  assert.deepEqual(page.problems, [])
})

test('Parquet of every codec: schema, row groups, first rows', async () => {
  for (const [codec, content] of parquetFiles()) {
    await put(`${codec}.parquet`, content, 'application/octet-stream')
    let details
    const read = await bytesRead(async () => {
      details = await preview(`${codec}.parquet`)
      await page.getByTestId('parquet-summary').waitFor()
      assert.match(await page.getByTestId('parquet-summary').innerText(), /^20,000 rows, 4 columns, 4 row groups/)
      await details.getByRole('cell', { name: 'name-49' }).waitFor()
    })
    assert.ok(read < content.length, `${codec}: ${read} of ${content.length} bytes were read`)
    await details.getByRole('cell', { name: '<img src=x onerror=alert(1)>' }).first().waitFor()
    if (codec === 'SNAPPY') {
      await shot(page, 'preview-parquet')
      assert.deepEqual(await axe(page), [])
    }
    await details.getByRole('tab', { name: 'Schema' }).click()
    await details.getByRole('cell', { name: 'score' }).waitFor()
    await details.getByRole('tab', { name: 'Row groups' }).click()
    await details.getByRole('cell', { name: '5,000' }).first().waitFor()
    await details.getByRole('cell', { name: codec }).first().waitFor()
  }
  assert.deepEqual(page.problems, [])
})

test('a broken Parquet file is an error, not a broken page', async () => {
  await put('broken.parquet', Buffer.concat([Buffer.from('PAR1'), Buffer.alloc(500, 0xff), Buffer.from([0xff, 0xff, 0xff, 0x7f]), Buffer.from('PAR1')]))
  const details = await preview('broken.parquet')
  await details.getByRole('alert').waitFor()
  await put('short.parquet', 'PAR1')
  await (await preview('short.parquet')).getByRole('alert').waitFor()
  assert.deepEqual(page.problems, [])
})
