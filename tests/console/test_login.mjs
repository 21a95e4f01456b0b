import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { axe, logIn, newPage, shot, startBrowser, startLakegated } from './harness.mjs'

let server, browser
before(async () => {
  server = await startLakegated()
  browser = await startBrowser()
})
after(async () => {
  await browser?.close()
  await server?.stop()
})

test('logging in makes a session and forgets the secret', async () => {
  const page = await newPage(browser)
  await page.goto(server.console)
  await page.getByLabel('Access key').waitFor()
  assert.equal(await page.evaluate(() => window.isSecureContext), false)
  await shot(page, 'login')
  assert.deepEqual(await axe(page), [])
  await logIn(page, server)
  await page.getByRole('heading', { name: 'Buckets', exact: true }).waitFor()
  await page.getByText('No buckets yet').waitFor()
  await shot(page, 'buckets-empty')
  assert.deepEqual(await axe(page), [])
  assert.equal(await page.evaluate(() => window.sessionStorage.length + window.localStorage.length), 0)
  assert.deepEqual(page.problems, [])
})
