/* How soon the console shows something: the first content of the login, and then of the buckets with the session kept, each
 * time in a browser that has nothing of it. usage: node tests/bench/console.mjs [TIMES] */
import { logIn, newPage, s3Of, sdk, startBrowser, startLakegated } from '../console/harness.mjs'

const times = Number(process.argv[2] ?? 10)
const server = await startLakegated()
const browser = await startBrowser()
await s3Of(server).send(new sdk.CreateBucketCommand({ Bucket: 'bench' }))

const painted = (page) =>
  page.evaluate(
    () =>
      new Promise((resolve) => {
        const tell = () => {
          const [entry] = performance.getEntriesByName('first-contentful-paint')
          if (entry) resolve(entry.startTime)
          else requestAnimationFrame(tell)
        }
        tell()
      }),
  )
const results = { login: [], buckets: [] }
for (let turn = 0; turn < times; turn++) {
  const page = await newPage(browser)
  await page.goto(server.console)
  await page.getByLabel('Access key').waitFor()
  results.login.push(await painted(page))
  await logIn(page, server, undefined, { keep: true })
  await page.reload()
  await page.getByRole('link', { name: 'bench', exact: true }).waitFor()
  results.buckets.push(await page.evaluate(() => performance.now()))
  await page.context().close()
}
for (const [name, all] of Object.entries(results)) {
  all.sort((a, b) => a - b)
  console.log(`${name}: median ${Math.round(all[Math.floor(all.length / 2)])} ms, slowest ${Math.round(all.at(-1))} ms of ${times}`)
}
await browser.close()
await server.stop()
