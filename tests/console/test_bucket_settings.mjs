/* Policy, public access, zones, duplicates and CORS of a bucket. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { axe, logIn, makeUser, newPage, s3Of, sdk, SECRET_KEY, shot, signed, startBrowser, startLakegated } from './harness.mjs'

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

async function openSettings(bucket, tab, { keys, ...options } = {}) {
  const page = await newPage(browser, options)
  await logIn(page, server, keys)
  await page.evaluate((to) => (window.location.hash = to), `#/bucket?${new URLSearchParams({ bucket, tab })}`)
  return page
}

const makeBucket = (name) => s3.send(new sdk.CreateBucketCommand({ Bucket: name }))

async function write(page, label, text) {
  await page.getByRole('textbox', { name: label }).click()
  await page.keyboard.press('Control+a')
  await page.keyboard.insertText(text)
}

test("the pipeline's policy is refused while the block is on, and lets anybody in after it is off", async () => {
  await makeBucket('lambda')
  const page = await openSettings('lambda', 'policy')
  await page.getByLabel('Template').selectOption('public-pipeline')
  await page.getByText('Valid JSON').waitFor()
  await page.getByRole('button', { name: 'Save' }).click()
  await page.getByRole('alert').getByText(/blocked by the BlockPublicPolicy/).waitFor()
  await shot(page, 'bucket-policy-blocked')
  assert.deepEqual(await axe(page), [])
  await page.getByRole('link', { name: 'Public access of this bucket' }).click()
  const block = page.getByRole('region', { name: 'This bucket' })
  await block.getByText('closed').waitFor()
  await shot(page, 'bucket-public-access')
  assert.deepEqual(await axe(page), [])
  await block.getByRole('button', { name: 'All off' }).click()
  await block.getByRole('button', { name: 'Save' }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'Switch off' }).click()
  await block.getByText('open to what policies and ACLs say').waitFor()
  await assert.rejects(s3.send(new sdk.GetPublicAccessBlockCommand({ Bucket: 'lambda' })), { Code: 'NoSuchPublicAccessBlockConfiguration' })

  /* What was written is still there. */
  await page.getByRole('tab', { name: 'Policy' }).click()
  await page.getByRole('button', { name: 'Save' }).click()
  await page.getByText('public', { exact: true }).waitFor()
  await shot(page, 'bucket-policy')
  assert.equal((await fetch(`${server.endpoint}/lambda/a.json`, { method: 'PUT', body: '{}' })).status, 200)
  assert.equal(await (await fetch(`${server.endpoint}/lambda/a.json`)).text(), '{}')
  assert.equal((await fetch(`${server.endpoint}/lambda?acl`)).status, 403)

  await page.getByRole('button', { name: 'Remove' }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'Remove' }).click()
  await page.getByText('There is none.').waitFor()
  assert.equal((await fetch(`${server.endpoint}/lambda/a.json`)).status, 403)
  assert.deepEqual(page.problems, [])
})

test("the server's refusal of a policy is shown at its place, and before it is saved once IAM may be asked", async () => {
  await makeBucket('placed')
  const page = await openSettings('placed', 'policy')
  await page.getByRole('button', { name: 'Write one' }).click()
  const wrong = '{"Version": "2012-10-17", "Statement": [\n {"Effect": "Allow", "Principal": "*",\n  "Action": ["s3:GetObject", "s3:Nonsense"], "Resource": "arn:aws:s3:::placed/*"}]}'
  await write(page, "The bucket's policy", wrong)
  await page.getByRole('button', { name: 'Save' }).click()
  await page.getByText('Line 3, column 30: Policy has invalid action: Statement[0].Action[1]').waitFor()
  await shot(page, 'bucket-policy-refused')
  assert.deepEqual(await axe(page), [])

  await page.evaluate(() => (window.location.hash = '#/access?tab=users'))
  await page.getByLabel('Secret key').fill(SECRET_KEY)
  await page.getByRole('button', { name: 'Unlock' }).click()
  await page.evaluate(() => (window.location.hash = '#/bucket?bucket=placed&tab=policy'))
  await page.getByText('Line 3, column 30: Policy has invalid action: Statement[0].Action[1]').waitFor()
  await write(page, "The bucket's policy", wrong.replace(', "s3:Nonsense"', ''))
  await page.getByText('The server takes it').waitFor()
  await assert.rejects(s3.send(new sdk.GetBucketPolicyCommand({ Bucket: 'placed' })), { Code: 'NoSuchBucketPolicy' })
  assert.deepEqual(page.problems, [])
})

test('who would lock itself out of the policy is asked first', async () => {
  await makeBucket('lockout')
  const keys = await makeUser(server, 'locked', [{ Effect: 'Allow', Action: 's3:*', Resource: '*' }])
  const page = await openSettings('lockout', 'policy', { keys })
  await page.getByRole('button', { name: 'Write one' }).click()
  await write(page, "The bucket's policy", JSON.stringify({ Version: '2012-10-17', Statement: [{ Effect: 'Deny', Principal: { AWS: 'arn:aws:iam::000000000001:user/locked' }, Action: 's3:PutBucketPolicy', Resource: 'arn:aws:s3:::lockout' }] }))
  await page.getByRole('button', { name: 'Save' }).click()
  await page.getByText('You would lose the right to change this policy').waitFor()
  await page.getByRole('button', { name: 'Save it all the same' }).click()
  await page.getByText('saved. It acts from the next request on.').waitFor()
  assert.match((await s3.send(new sdk.GetBucketPolicyCommand({ Bucket: 'lockout' }))).Policy, /Deny/)
  assert.deepEqual(page.problems, [])
})

test("the account's block is read and put by S3 Control", async () => {
  await makeBucket('account')
  const page = await openSettings('account', 'public')
  const block = page.getByRole('region', { name: 'All buckets of account 000000000001' })
  await block.getByLabel('Refuse public policies').check()
  await block.getByRole('button', { name: 'Save' }).click()
  await block.getByText('1 of 4 on').waitFor()
  const headers = { 'x-amz-account-id': '000000000001' }
  assert.match(await signed(server, { path: '/v20180820/configuration/publicAccessBlock', headers }), /<BlockPublicPolicy>true<.*<RestrictPublicBuckets>false</s)
  await block.getByLabel('Refuse public policies').uncheck()
  await block.getByRole('button', { name: 'Save' }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'Switch off' }).click()
  await block.getByText('open to what policies and ACLs say').waitFor()
  assert.deepEqual(page.problems, [])
})

test('zones are set from a template, refused at their place, and show what lies in them and what is there twice', async () => {
  await makeBucket('lake')
  const page = await openSettings('lake', 'zones')
  await page.getByLabel('Template').selectOption('lake')
  await page.getByRole('button', { name: 'Save' }).click()
  const figures = page.getByRole('table', { name: 'What lies in the zones' })
  await figures.getByRole('row', { name: /^raw/ }).waitFor()
  assert.equal(JSON.parse(await signed(server, { path: '/lake', query: { 'lakegate-zones': '' } })).Zones.length, 3)

  await write(page, 'Zones', '{"Version": "2026-11-01", "Zones": [{"Name": "raw", "Prefix": "raw/"},\n {"Name": "more", "Prefix": "raw/more/"}]}')
  await page.getByRole('button', { name: 'Save' }).click()
  await page.getByText('Line 2, column 29: Zones[1].Prefix: overlaps').waitFor()
  await shot(page, 'bucket-zones-refused')
  assert.deepEqual(await axe(page), [])

  for (const [key, body] of [['raw/a.csv', 'one'], ['trusted/a.csv', 'same'.repeat(1000)], ['trusted/<img src=x onerror=alert(1)>.csv', 'same'.repeat(1000)]])
    await s3.send(new sdk.PutObjectCommand({ Bucket: 'lake', Key: key, Body: body }))
  await page.getByRole('button', { name: 'Undo changes' }).click()
  await page.getByRole('tab', { name: 'Duplicates' }).click()
  await page.getByRole('button', { name: 'trusted' }).click()
  await page.getByRole('row', { name: /3\.9 KiB 2 .*trusted\/<img src=x onerror=alert\(1\)>\.csv/ }).waitFor()
  await shot(page, 'bucket-duplicates')
  assert.deepEqual(await axe(page), [])
  assert.equal(await page.locator('img').count(), 0)
  await page.getByRole('tab', { name: 'Zones' }).click()
  await figures.getByRole('row', { name: /^trusted .* 2 7\.8 KiB 1/ }).waitFor()
  await shot(page, 'bucket-zones')
  assert.deepEqual(await axe(page), [])
  assert.deepEqual(page.problems, [])
})

test('a zone that a tag gives is said to be of the tag', async () => {
  await makeBucket('tagged')
  await s3.send(new sdk.PutBucketTaggingCommand({ Bucket: 'tagged', Tagging: { TagSet: [{ Key: 'lakegate:zone', Value: 'raw' }] } }))
  const page = await openSettings('tagged', 'zones')
  await page.getByText("The zone comes of the bucket's tag").waitFor()
  assert.deepEqual(page.problems, [])
})

test('CORS rules are checked, saved and removed', async () => {
  await makeBucket('cors')
  const page = await openSettings('cors', 'cors')
  await page.getByLabel('Template').selectOption('upload')
  await page.getByText('The server takes it').waitFor()
  await page.getByRole('button', { name: 'Save' }).click()
  await page.getByRole('button', { name: 'Remove' }).waitFor()
  assert.deepEqual((await s3.send(new sdk.GetBucketCorsCommand({ Bucket: 'cors' }))).CORSRules[0].AllowedOrigins, ['https://app.example.com'])
  await write(page, 'CORS rules', '{"CORSRules": [\n {"AllowedOrigins": ["*"], "AllowedMethods": ["GET", "PATCH"]}]}')
  await page.getByText('Line 2, column 54: CORSRules[0].AllowedMethods[1]: one of GET').waitFor()
  await shot(page, 'bucket-cors')
  assert.deepEqual(await axe(page), [])
  await page.getByRole('button', { name: 'Remove' }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'Remove' }).click()
  await page.getByText('There is none.').waitFor()
  assert.deepEqual(page.problems, [])
})

test('what is denied is shown as denied with the statement that decided, on a phone in the dark', async () => {
  await makeBucket('denied')
  const keys = await makeUser(server, 'reader', [
    { Effect: 'Allow', Action: ['s3:ListAllMyBuckets', 'iam:SimulatePrincipalPolicy', 's3:GetBucketPublicAccessBlock'], Resource: '*' },
    { Effect: 'Deny', Action: 's3:GetBucketPolicy', Resource: '*' },
  ])
  const page = await openSettings('denied', 'policy', { keys, viewport: { width: 360, height: 740 }, colorScheme: 'dark' })
  await page.getByRole('alert').getByText('Denied', { exact: true }).waitFor()
  await page.getByRole('button', { name: 'Which statement decided?' }).click()
  await page.getByLabel('Secret key').fill(keys.secretAccessKey)
  await page.getByRole('button', { name: 'Unlock' }).click()
  await page.getByText('s3:GetBucketPolicy is denied by').waitFor()
  await shot(page, 'bucket-denied-phone-dark')
  assert.deepEqual(await axe(page), [])
  for (const tab of ['public', 'zones', 'cors']) {
    await page.evaluate((to) => (window.location.hash = to), `#/bucket?bucket=denied&tab=${tab}`)
    await page.getByRole('alert').first().waitFor()
    assert.equal(await page.evaluate(() => document.documentElement.scrollWidth <= window.innerWidth), true, tab)
  }
  assert.deepEqual(page.problems, [])
})
