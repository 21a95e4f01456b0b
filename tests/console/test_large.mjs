/* 100,000 keys under one prefix: the list begins at once, scrolls without getting stuck, and reaches the end. */
import assert from 'node:assert/strict'
import http from 'node:http'
import { after, before, test } from 'node:test'
import { axe, logIn, newPage, open, s3Of, sdk, shot, startBrowser, startLakegated } from './harness.mjs'

const { CreateBucketCommand, DeletePublicAccessBlockCommand, PutBucketPolicyCommand } = sdk
const KEYS = Number(process.env.LARGE_KEYS ?? 100_000)
const WRITERS = 48
let server, browser
const name = (i) => `rows/part-${String(i).padStart(6, '0')}.json`

/** By requests that need no signature: signing would take longer than storing. */
async function fill() {
  const s3 = s3Of(server)
  await s3.send(new CreateBucketCommand({ Bucket: 'large' }))
  await s3.send(new DeletePublicAccessBlockCommand({ Bucket: 'large' }))
  await s3.send(
    new PutBucketPolicyCommand({ Bucket: 'large', Policy: JSON.stringify({ Version: '2012-10-17', Statement: [{ Effect: 'Allow', Principal: '*', Action: 's3:PutObject', Resource: 'arn:aws:s3:::large/*' }] }) }),
  )
  const agent = new http.Agent({ keepAlive: true, maxSockets: WRITERS })
  let next = 0
  const one = (key) =>
    new Promise((resolve, reject) => {
      const request = http.request({ agent, host: '127.0.0.1', port: server.port, method: 'PUT', path: `/large/${key}`, headers: { 'content-length': 2 } }, (answer) => {
        answer.resume().on('end', () => (answer.statusCode === 200 ? resolve() : reject(new Error(`${answer.statusCode}`))))
      })
      request.on('error', reject)
      request.end('{}')
    })
  await Promise.all(
    Array.from({ length: WRITERS }, async () => {
      while (next < KEYS) await one(name(next++))
    }),
  )
  agent.destroy()
}

before(async () => {
  server = await startLakegated()
  browser = await startBrowser()
  await fill()
})
after(async () => {
  await browser?.close()
  await server?.stop()
})

test('100,000 keys are listed and scrolled', async () => {
  const page = await newPage(browser)
  await logIn(page, server)
  await open(page, server, 'browse', { bucket: 'large', prefix: 'rows/' })
  await page.getByText('part-000000.json').waitFor()
  /* The first page is enough to begin with. */
  await page.getByTestId('count').getByText('so far').waitFor()
  assert.ok((await page.locator('.entry-row').count()) < 80)
  const grid = page.getByRole('grid')
  await grid.hover()
  await page.mouse.wheel(0, 20_000)
  await page.getByText('part-000600.json').waitFor()
  await page.getByRole('button', { name: 'Load all' }).click()
  await page.waitForFunction((count) => document.querySelector('[data-testid=count]').textContent === `${count.toLocaleString('en')} entries`, KEYS, { timeout: 120_000 })
  await grid.focus()
  await page.keyboard.press('End')
  await page.getByText(name(KEYS - 1).slice(5)).waitFor()
  await shot(page, 'large')
  assert.ok((await page.locator('.entry-row').count()) < 80)
  /* Each jump shows its rows in the next frames, wherever it goes. */
  const frames = await page.evaluate(async () => {
    const list = document.querySelector('.entry-list')
    const frame = () => new Promise((done) => requestAnimationFrame(done))
    let empty = 0
    for (let i = 0; i < 60; i++) {
      list.scrollTop = ((i * 7919) % 60) * (list.scrollHeight / 60)
      await frame()
      await frame()
      const box = list.getBoundingClientRect()
      const at = document.elementFromPoint(box.left + box.width / 2, box.top + box.height / 2)
      if (!at?.closest('.entry-row')) empty++
    }
    return empty
  })
  assert.equal(frames, 0)
  await page.keyboard.press('Home')
  await page.getByText('part-000000.json').waitFor()
  assert.deepEqual(await axe(page), [])
  await page.getByLabel('Search by the beginning of a name').fill('part-0999')
  await page.getByTestId('count').getByText(/^100 entries$/).waitFor()
  assert.deepEqual(page.problems, [])
})
