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
  await page.getByRole('button', { name: 'Size' }).focus()
  await page.keyboard.press('Enter')
  await page.locator('[aria-sort=descending]').waitFor()
  await page.getByRole('button', { name: 'The bucket and this folder' }).focus()
  await page.keyboard.press('Enter')
  await page.keyboard.press('ArrowDown')
  assert.equal(await page.evaluate(() => document.activeElement.getAttribute('role')), 'menuitem')
  await page.keyboard.press('Escape')
  assert.equal(await page.getByRole('menu').count(), 0)
  assert.deepEqual(page.problems, [])
})

/* Effects that wait for a frame lost the key that came before it, on a machine that was busy. */
test('what a key opens has the next key, whether or not a frame was drawn', async () => {
  const page = await newPage(browser)
  await logIn(page, server)
  await open(page, server, 'browse', { bucket: 'look', prefix: 'docs/' })
  await page.getByRole('grid').getByText('b.md').waitFor()
  const seen = await page.evaluate(async () => {
    /* What is asked for in a task's microtasks is there before the next event's task. */
    const press = async (key) => {
      document.activeElement.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true, cancelable: true }))
      for (let turn = 0; turn < 10; turn++) await Promise.resolve()
    }
    const focused = () => document.activeElement.textContent || document.activeElement.getAttribute('aria-label')
    const seen = []
    document.querySelector('[aria-label="The bucket and this folder"]').click()
    for (let turn = 0; turn < 10; turn++) await Promise.resolve()
    seen.push(focused())
    await press('ArrowDown')
    seen.push(focused())
    await press('Escape')
    seen.push(document.querySelectorAll('[role=menu]').length, focused())
    document.querySelector('[role=grid]').focus()
    await press('End')
    await press(' ')
    await press('Delete')
    seen.push(document.activeElement.closest('dialog')?.open)
    return seen
  })
  assert.deepEqual(seen, ['Download this folder (zip)', 'Show all keys below', 0, 'The bucket and this folder', true])
  assert.deepEqual(page.problems, [])
})

test('a key that follows the way into a folder is of the folder', async () => {
  const page = await newPage(browser)
  await logIn(page, server)
  await open(page, server, 'browse', { bucket: 'look' })
  await page.getByRole('grid').getByText('readme.txt').waitFor()
  const rows = await page.evaluate(async () => {
    const grid = document.querySelector('[role=grid]')
    const press = (key) => grid.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true, cancelable: true }))
    const settle = async () => {
      for (let turn = 0; turn < 10; turn++) await Promise.resolve()
    }
    grid.focus()
    press('Home')
    await settle()
    press('Enter')
    await new Promise((done) => window.addEventListener('hashchange', done, { once: true }))
    await settle()
    return document.querySelectorAll('[role=grid] [role=row][id]').length
  })
  assert.equal(rows, 0, 'rows of the folder that was left')
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
