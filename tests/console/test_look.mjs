/* By keyboard, dark, on a phone; and how soon something is seen. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { axe, logIn, newPage, open, s3Of, sdk, shot, startBrowser, startLakegated } from './harness.mjs'

const { CreateBucketCommand, PutObjectCommand } = sdk
let server, browser, s3
before(async () => {
  server = await startLakegated()
  browser = await startBrowser()
  s3 = s3Of(server)
  await s3.send(new CreateBucketCommand({ Bucket: 'look' }))
  for (const Key of ['docs/a.md', 'docs/b.md', 'docs/c/d.md', 'readme.txt']) await s3.send(new PutObjectCommand({ Bucket: 'look', Key, Body: `# ${Key}`, ContentType: 'text/plain' }))
})
after(async () => {
  await browser?.close()
  await server?.stop()
})

test('the list works by keyboard', async () => {
  const page = await newPage(browser)
  await page.goto(server.console)
  await page.keyboard.type('lakegate-test')
  await page.keyboard.press('Tab')
  await page.keyboard.type('test-secret/with+odd=characters')
  await page.keyboard.press('Enter')
  await page.getByRole('link', { name: 'look', exact: true }).focus()
  await page.keyboard.press('Enter')
  const grid = page.getByRole('grid')
  await grid.focus()
  await page.keyboard.press('ArrowDown')
  await page.keyboard.press('Enter')
  await page.getByTestId('crumbs').getByText('docs').waitFor()
  await grid.getByText('b.md').waitFor()
  await grid.focus()
  await page.keyboard.press('End')
  await page.keyboard.press(' ')
  await page.getByText('1 selected').waitFor()
  await page.keyboard.press('Control+a')
  await page.getByText('3 selected').waitFor()
  await page.keyboard.press('Delete')
  await page.getByRole('dialog').waitFor()
  await page.keyboard.press('Escape')
  await page.getByRole('dialog').waitFor({ state: 'detached' })
  await grid.focus()
  await page.keyboard.press('Escape')
  await page.getByText('3 selected').waitFor({ state: 'detached' })
  await page.keyboard.press('Home')
  await page.keyboard.press('ArrowDown')
  await page.keyboard.press('Enter')
  await page.getByTestId('details-name').waitFor()
  await grid.focus()
  await page.keyboard.press('/')
  assert.equal(await page.evaluate(() => document.activeElement.getAttribute('type')), 'search')
  await page.keyboard.type('b')
  await page.getByTestId('count').getByText('1 entry').waitFor()
  await page.getByRole('button', { name: 'The bucket and this folder' }).focus()
  await page.keyboard.press('Enter')
  await page.keyboard.press('ArrowDown')
  assert.equal(await page.evaluate(() => document.activeElement.getAttribute('role')), 'menuitem')
  await page.keyboard.press('Escape')
  assert.equal(await page.getByRole('menu').count(), 0)
  assert.deepEqual(page.problems, [])
})

for (const [name, options] of [
  ['dark', { colorScheme: 'dark' }],
  ['phone', { viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true }],
  ['phone-dark', { viewport: { width: 390, height: 844 }, colorScheme: 'dark' }],
])
  test(`it is whole and readable: ${name}`, async () => {
    const page = await newPage(browser, options)
    await logIn(page, server)
    const fits = async () => assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= window.innerWidth), 'the page is wider than the screen')
    await page.getByRole('link', { name: 'look', exact: true }).waitFor()
    await shot(page, `${name}-buckets`)
    assert.deepEqual(await axe(page), [])
    await fits()
    await open(page, server, 'browse', { bucket: 'look', prefix: 'docs/' })
    await page.getByRole('grid').getByText('a.md').waitFor()
    await shot(page, `${name}-browse`)
    assert.deepEqual(await axe(page), [])
    await fits()
    await page.getByRole('grid').getByRole('link', { name: 'a.md' }).click()
    await page.getByRole('complementary').getByText('text/plain').waitFor()
    await shot(page, `${name}-details`)
    assert.deepEqual(await axe(page), [])
    await fits()
    await page.getByRole('button', { name: 'Close the details' }).click()
    if (name.startsWith('phone')) {
      await page.getByRole('button', { name: 'Menu' }).click()
      await page.getByRole('button', { name: 'Account' }).waitFor()
      await page.waitForFunction(() => document.querySelector('.side').getBoundingClientRect().left === 0)
      await shot(page, `${name}-menu`)
      assert.deepEqual(await axe(page), [])
    }
    assert.deepEqual(page.problems, [])
  })

test('the choice of colours is kept', async () => {
  const page = await newPage(browser)
  await logIn(page, server, undefined, { keep: true })
  await page.getByRole('button', { name: 'Account' }).click()
  await page.getByRole('menuitem', { name: 'Dark colours' }).click()
  await page.reload()
  await page.getByRole('heading', { name: 'Buckets', exact: true }).waitFor()
  assert.equal(await page.evaluate(() => document.documentElement.dataset.theme), 'dark')
})
