/* The console can do what the policies allow, and shows what they do not. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { ACCESS_KEY, axe, logIn, makeUser, newPage, open, s3Of, SECRET_KEY, sdk, shot, startBrowser, startLakegated } from './harness.mjs'

const { CreateBucketCommand, PutObjectCommand } = sdk
let server, browser, reader, nobody
before(async () => {
  server = await startLakegated()
  browser = await startBrowser()
  const s3 = s3Of(server)
  for (const Bucket of ['lake', 'hidden']) await s3.send(new CreateBucketCommand({ Bucket }))
  for (const Key of ['open/a.txt', 'secret/b.txt']) await s3.send(new PutObjectCommand({ Bucket: 'lake', Key, Body: Key }))
  reader = await makeUser(server, 'reader', [
    { Sid: 'List', Effect: 'Allow', Action: ['s3:ListAllMyBuckets', 's3:ListBucket'], Resource: '*' },
    { Sid: 'Read', Effect: 'Allow', Action: 's3:GetObject', Resource: 'arn:aws:s3:::lake/*' },
    { Sid: 'NotSecret', Effect: 'Deny', Action: 's3:GetObject', Resource: 'arn:aws:s3:::lake/secret/*' },
    { Effect: 'Allow', Action: 'iam:SimulatePrincipalPolicy', Resource: '*' },
  ])
  nobody = await makeUser(server, 'nobody')
})
after(async () => {
  await browser?.close()
  await server?.stop()
})

test('a wrong secret is told as such', async () => {
  const page = await newPage(browser)
  await page.goto(server.console)
  await page.getByLabel('Access key').fill(reader.accessKeyId)
  await page.getByLabel('Secret key').fill('wrong')
  await page.getByRole('button', { name: 'Log in' }).click()
  await page.getByText('The secret key does not belong to the access key.').waitFor()
  await shot(page, 'login-wrong')
  assert.deepEqual(await axe(page), [])
})

test('who may read reads, and sees which statement denies the rest', async () => {
  const page = await newPage(browser)
  await logIn(page, server, reader)
  await page.getByRole('link', { name: 'lake', exact: true }).waitFor()
  await open(page, server, 'browse', { bucket: 'lake', prefix: 'open/', key: 'open/a.txt' })
  const details = page.getByRole('complementary')
  await details.getByText('application/octet-stream').waitFor()
  /* Tags are another permission: their place says so, and the rest is there. */
  await details.getByText('Denied', { exact: true }).waitFor()
  await open(page, server, 'browse', { bucket: 'lake', prefix: 'secret/', key: 'secret/b.txt' })
  await details.getByText('Denied', { exact: true }).waitFor()
  await shot(page, 'denied')
  assert.deepEqual(await axe(page), [])
  await details.getByRole('button', { name: 'Which statement decided?' }).click()
  await page.getByRole('dialog').getByLabel(/Secret key/).fill(reader.secretAccessKey)
  await page.keyboard.press('Enter')
  await page.getByTestId('why-denied').getByText('s3:GetObject is denied by').waitFor()
  await shot(page, 'denied-why')
  await open(page, server, 'browse', { bucket: 'lake' })
  await page.getByRole('button', { name: 'New folder' }).click()
  await page.getByRole('dialog').getByLabel('Name').fill('x')
  await page.keyboard.press('Enter')
  await page.getByRole('dialog').getByText('No statement of your policies allows s3:PutObject here.').waitFor()
  assert.deepEqual(page.problems, [])
})

test('who may do nothing is told so, and can still open a bucket by its name', async () => {
  const page = await newPage(browser)
  await logIn(page, server, nobody)
  await page.locator('#main').getByText('Denied', { exact: true }).waitFor()
  await page.getByLabel('A bucket that is not listed').fill('hidden')
  await page.keyboard.press('Enter')
  await page.locator('#main').getByText('Denied', { exact: true }).first().waitFor()
  assert.deepEqual(page.problems, [])
})

test('a session that was kept is there after a reload, one that was not is gone', async () => {
  const page = await newPage(browser)
  await logIn(page, server, reader, { keep: true })
  await page.reload()
  await page.getByRole('link', { name: 'lake', exact: true }).waitFor()
  assert.ok(!JSON.stringify(await page.evaluate(() => ({ ...sessionStorage, ...localStorage }))).includes(reader.secretAccessKey))
  const other = await newPage(browser)
  await logIn(other, server, reader)
  await other.reload()
  await other.getByLabel('Access key').waitFor()
})

test('a clock that is off by hours does not matter', async () => {
  const page = await newPage(browser)
  await page.clock.install({ time: Date.now() + 5 * 3600_000 })
  await logIn(page, server, reader)
  await page.getByRole('link', { name: 'lake', exact: true }).waitFor()
  await open(page, server, 'browse', { bucket: 'lake', prefix: 'open/' })
  await page.getByRole('grid').getByText('a.txt').waitFor()
  assert.deepEqual(page.problems, [])
})

test('logging out forgets the session, here and at the server', async () => {
  const page = await newPage(browser)
  await logIn(page, server, reader, { keep: true })
  await open(page, server, 'browse', { bucket: 'lake', key: 'open/a.txt' })
  await page.getByRole('button', { name: 'Share' }).click()
  await page.getByLabel('Link').waitFor()
  const link = await page.getByLabel('Link').inputValue()
  const status = () => page.evaluate((url) => fetch(url, { credentials: 'omit', cache: 'no-store' }).then((reply) => reply.status), link)
  assert.equal(await status(), 200)
  await page.keyboard.press('Escape')
  await page.getByRole('button', { name: 'Account' }).click()
  await page.getByRole('menuitem', { name: 'Log out' }).click()
  await page.getByLabel('Access key').waitFor()
  assert.equal(await page.evaluate(() => window.sessionStorage.length), 0)
  assert.equal(await page.getByText('could not be told').count(), 0)
  assert.ok((await status()) >= 400)
  await page.reload()
  await page.getByLabel('Access key').waitFor()
})

test('a session that is about to end goes on with the secret typed again', async () => {
  const page = await newPage(browser)
  await page.clock.install()
  await logIn(page, server)
  await page.clock.fastForward(56 * 60_000)
  await page.getByText('Your session ends in').waitFor()
  await shot(page, 'session-ends')
  assert.deepEqual(await axe(page), [])
  await page.getByRole('button', { name: 'Go on' }).click()
  await page.getByRole('dialog').getByLabel(/^Secret key/).fill(SECRET_KEY)
  await page.keyboard.press('Enter')
  await page.getByText('Your session goes on').waitFor()
  await page.clock.fastForward(20_000)
  assert.equal(await page.getByText('Your session ends in').count(), 0)
  /* The clock is right again at once, so the new session's end is far. */
  await open(page, server, 'browse', { bucket: 'lake', prefix: 'open/' })
  await page.getByRole('grid').getByText('a.txt').waitFor()
})

test('a session that has ended asks for the login, and goes back to the page', async () => {
  const page = await newPage(browser)
  await page.clock.install()
  await logIn(page, server)
  await open(page, server, 'browse', { bucket: 'lake', prefix: 'open/' })
  await page.getByRole('grid').getByText('a.txt').waitFor()
  await page.clock.fastForward(2 * 3600_000)
  await page.getByText('Your session has ended').waitFor()
  assert.equal(await page.getByLabel('Access key').inputValue(), ACCESS_KEY)
  await page.getByLabel('Secret key').fill(SECRET_KEY)
  await page.keyboard.press('Enter')
  await page.getByRole('grid').getByText('a.txt').waitFor()
})
