/* The dashboard: figures of now from /-/metrics, charts from /-/metrics/history. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { axe, logIn, makeUser, newPage, s3Of, sdk, shot, signed, startBrowser, startLakegated } from './harness.mjs'

let server, browser, s3
before(async () => {
  server = await startLakegated()
  browser = await startBrowser()
  s3 = s3Of(server)
})
after(async () => {
  await browser?.close()
  await server?.stop()
})

async function openDashboard({ keys, ...options } = {}) {
  const page = await newPage(browser, options)
  await logIn(page, server, keys)
  await page.evaluate(() => (window.location.hash = '#/dashboard'))
  return page
}

/** A sample is taken every ten seconds. */
async function nextSample() {
  const since = String(Math.floor(Date.now() / 1000))
  for (let turn = 0; turn < 300; turn++) {
    const { rows } = JSON.parse(await signed(server, { path: '/-/metrics/history', query: { since } }))
    if (rows.length > 0) return
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  throw new Error('no sample was taken')
}

test('what was done is counted, and drawn over time', async () => {
  await s3.send(new sdk.CreateBucketCommand({ Bucket: 'lake' }))
  const zones = { Version: '2026-11-01', Zones: [{ Name: 'raw', Prefix: 'raw/', Duplicates: 'link' }] }
  await signed(server, { method: 'PUT', path: '/lake', query: { 'lakegate-zones': '' }, body: JSON.stringify(zones) })
  for (const key of ['a', 'b', 'c']) await s3.send(new sdk.PutObjectCommand({ Bucket: 'lake', Key: `raw/${key}`, Body: 'same'.repeat(10_000) }))
  await assert.rejects(s3.send(new sdk.GetObjectCommand({ Bucket: 'lake', Key: 'gone' })))
  await nextSample()
  const page = await openDashboard()
  await page.getByText('2 found in zones').waitFor()
  await page.getByText('78.1 KiB', { exact: true }).first().waitFor()
  await page.getByRole('table', { name: 'Zones' }).getByRole('row', { name: /lake raw 3 117 KiB 2 78\.1 KiB 0/ }).waitFor()
  await page.getByRole('table', { name: 'Operations' }).getByRole('row', { name: /put_object 3 0 0/ }).waitFor()
  await page.getByRole('table', { name: 'Operations' }).getByRole('row', { name: /get_object \d+ \d+ 0/ }).waitFor()
  for (const chart of ['Requests', 'Errors', 'Bytes', 'Time a request takes', 'Commits', 'Connections', 'Free on the disk', 'Memory'])
    await page.getByRole('region', { name: chart, exact: true }).locator('canvas').waitFor()
  await page.getByRole('img', { name: /^Requests over time; last: reads [0-9.]+\/s, writes/ }).waitFor()
  await page.getByRole('img', { name: /^Memory over time; last: resident [0-9.]+ MiB$/ }).waitFor()
  await page.getByRole('tab', { name: '24 hours' }).click()
  await shot(page, 'dashboard')
  assert.deepEqual(await axe(page), [])

  const chart = page.getByRole('region', { name: 'Bytes', exact: true })
  await chart.scrollIntoViewIfNeeded()
  await chart.locator('.u-over').hover()
  await chart.getByText(/\d{4}-\d\d-\d\d \d\d:\d\d/).waitFor()
  assert.deepEqual(page.problems, [])
})

test('who may not see the metrics is told, and a metrics policy is enough', async () => {
  const none = await makeUser(server, 'curious', [{ Effect: 'Allow', Action: 's3:ListAllMyBuckets', Resource: '*' }])
  const page = await openDashboard({ keys: none })
  await page.getByRole('alert').getByText('Denied', { exact: true }).waitFor()
  await page.getByRole('alert').getByText(/lakegate:GetMetrics/).waitFor()
  assert.deepEqual(await axe(page), [])
  assert.deepEqual(page.problems, [])
  await page.context().close()

  const keys = await makeUser(server, 'watcher', [{ Effect: 'Allow', Action: 'lakegate:GetMetrics', Resource: '*' }])
  const phone = await openDashboard({ keys, viewport: { width: 360, height: 740 }, colorScheme: 'dark' })
  await phone.getByRole('table', { name: 'Operations' }).waitFor()
  await phone.getByRole('region', { name: 'Requests', exact: true }).locator('canvas').waitFor()
  await shot(phone, 'dashboard-phone-dark')
  assert.deepEqual(await axe(phone), [])
  assert.equal(await phone.evaluate(() => document.documentElement.scrollWidth <= window.innerWidth), true)
  assert.deepEqual(phone.problems, [])
})
