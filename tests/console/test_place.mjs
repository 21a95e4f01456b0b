/* The console below a path of its own, with another region, and with an address for others. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { freePort, logIn, NAME, newPage, open, s3Of, sdk, startBrowser, startLakegated } from './harness.mjs'

const { CreateBucketCommand, PutObjectCommand } = sdk
let server, browser
before(async () => {
  server = await startLakegated(['--path-prefix', '/some/lake', '--region', 'eu-test-1', '--public-url', `http://public.${NAME}:1234/some/lake`], { prefix: '/some/lake', region: 'eu-test-1' })
  browser = await startBrowser()
  const s3 = s3Of(server)
  await s3.send(new CreateBucketCommand({ Bucket: 'placed' }))
  for (const Key of ['a/../b c.txt', 'plain.txt']) await s3.send(new PutObjectCommand({ Bucket: 'placed', Key, Body: 'content', ContentType: 'text/plain' }))
})
after(async () => {
  await browser?.close()
  await server?.stop()
})

test('everything works below a path', async () => {
  const page = await newPage(browser)
  await logIn(page, server)
  await page.getByRole('link', { name: 'placed', exact: true }).waitFor()
  await open(page, server, 'browse', { bucket: 'placed', key: 'a/../b c.txt' })
  const details = page.getByRole('complementary')
  await details.getByText('text/plain').waitFor()
  await details.getByRole('tab', { name: 'Preview' }).click()
  await details.locator('.source').getByText('content').waitFor()
  const downloading = page.waitForEvent('download')
  await details.getByRole('button', { name: 'Download' }).click()
  assert.equal((await downloading).suggestedFilename(), 'b c.txt')
  await page.getByRole('button', { name: 'Upload', exact: true }).click()
  const choosing = page.waitForEvent('filechooser')
  await page.getByRole('menuitem', { name: 'Files…' }).click()
  await (await choosing).setFiles({ name: 'up.txt', mimeType: 'text/plain', buffer: Buffer.from('up') })
  await page.locator('.dock-row[data-state=done]').waitFor()
  assert.deepEqual(page.problems, [])
})

test('links for others lead to the public address', async () => {
  const page = await newPage(browser)
  await logIn(page, server)
  await open(page, server, 'browse', { bucket: 'placed', key: 'plain.txt' })
  await page.getByRole('button', { name: 'Share' }).click()
  await page.getByLabel('Link').waitFor()
  const link = new URL(await page.getByLabel('Link').inputValue())
  assert.equal(link.origin + link.pathname, `http://public.${NAME}:1234/some/lake/placed/plain.txt`)
  /* What a proxy at that address passes on: the path and the Host unchanged. */
  const answer = await new Promise((resolve, reject) =>
    import('node:http').then(({ default: http }) => http.get({ host: '127.0.0.1', port: server.port, path: link.pathname + link.search, headers: { host: link.host } }, resolve).on('error', reject)),
  )
  assert.equal(answer.statusCode, 200)
  answer.resume()
})

const NGINX = ['/usr/sbin/nginx', '/usr/bin/nginx'].find(existsSync)

/** nginx before it, as docs/CONSOLE.md says, and the port of that. */
async function startNginx(prefix, backend) {
  const folder = mkdtempSync(join(tmpdir(), 'lakegate-nginx-'))
  const port = await freePort()
  const paths = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => `${name}_temp_path ${folder}/${name};`).join(' ')
  writeFileSync(
    join(folder, 'nginx.conf'),
    `daemon off; master_process off; worker_processes 1; error_log ${folder}/error.log; pid ${folder}/pid; events { worker_connections 64; }
    http { access_log off; client_max_body_size 0; ${paths}
      server { listen 127.0.0.1:${port};
        location ${prefix} { proxy_pass http://127.0.0.1:${backend}; proxy_http_version 1.1; proxy_set_header Host $http_host; proxy_set_header Connection "";
          proxy_set_header X-Forwarded-For $remote_addr; proxy_request_buffering off; proxy_buffering off; } } }`,
  )
  const child = spawn(NGINX, ['-p', folder, '-e', join(folder, 'error.log'), '-c', join(folder, 'nginx.conf')], { stdio: 'ignore' })
  const ended = once(child, 'exit')
  for (let turn = 0; (await fetch(`http://127.0.0.1:${port}${prefix}/-/health/ready`).then((answer) => answer.status, () => 0)) !== 200; turn++) {
    assert.ok(child.exitCode === null && turn < 400, 'nginx did not start')
    await new Promise((resolve) => setTimeout(resolve, 25))
  }
  return {
    port,
    async stop() {
      child.kill('SIGTERM')
      await ended
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

test('everything works behind nginx', { skip: NGINX ? false : 'nginx is not installed' }, async () => {
  const nginx = await startNginx('/some/lake', server.port)
  try {
    const page = await newPage(browser)
    const before = { console: `http://${NAME}:${nginx.port}/some/lake/-/console/` }
    await page.goto(`http://${NAME}:${nginx.port}/some/lake/`)
    await page.waitForURL(before.console)
    await logIn(page, before)
    await open(page, before, 'browse', { bucket: 'placed', key: 'a/../b c.txt' })
    const details = page.getByRole('complementary')
    await details.getByRole('tab', { name: 'Preview' }).click()
    await details.locator('.source').getByText('content').waitFor()
    const downloading = page.waitForEvent('download')
    await details.getByRole('button', { name: 'Download' }).click()
    assert.equal(readFileSync(await (await downloading).path(), 'utf8'), 'content')
    await page.getByRole('button', { name: 'Upload', exact: true }).click()
    const choosing = page.waitForEvent('filechooser')
    await page.getByRole('menuitem', { name: 'Files…' }).click()
    await (await choosing).setFiles({ name: 'large.bin', mimeType: 'application/octet-stream', buffer: Buffer.alloc(20 * 1024 * 1024, 7) })
    await page.locator('.dock-row[data-state=done]').waitFor()
    /* A job's events come as they are, through a proxy that gathers nothing. */
    await page.evaluate(() => (window.location.hash = '#/copies?new=1'))
    await page.getByLabel('Where the source is').selectOption('local')
    await page.getByLabel('Source', { exact: true }).fill('s3://placed/large')
    await page.getByLabel('Bucket').selectOption('placed')
    await page.getByLabel('Prefix').fill('copied/')
    await page.getByRole('button', { name: 'Start copying' }).click()
    await page.locator('.page-head').getByText('done', { exact: true }).waitFor()
    assert.deepEqual(page.problems, [])
  } finally {
    await nginx.stop()
  }
})
