/* Users, groups, roles, policies, and who can do what. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { ACCESS_KEY, axe, iam, logIn, makeUser, newPage, s3Of, sdk, SECRET_KEY, shot, signed, startBrowser, startLakegated } from './harness.mjs'

let server, browser
before(async () => {
  server = await startLakegated()
  browser = await startBrowser()
})
after(async () => {
  await browser?.close()
  await server?.stop()
})

const EVIL = '=,.@-_+'

async function unlock(page, secret = SECRET_KEY) {
  await page.getByLabel('Secret key').fill(secret)
  await page.getByRole('button', { name: 'Unlock' }).click()
}

async function open(page, query) {
  await page.evaluate((to) => (window.location.hash = to), `#/access?${new URLSearchParams(query)}`)
}

/** Replaces what is in the editor. */
async function write(page, label, text) {
  const content = page.getByRole('textbox', { name: label })
  await content.click()
  await page.keyboard.press('Control+a')
  await page.keyboard.insertText(text)
}

async function openAccess(options) {
  const page = await newPage(browser, options)
  await logIn(page, server)
  await open(page, { tab: 'users' })
  return page
}

test('IAM is asked only after the secret was typed again, and not with a wrong one', async () => {
  const page = await openAccess()
  await page.getByRole('heading', { name: 'Unlock administration' }).waitFor()
  assert.equal(await page.getByLabel('Access key').inputValue(), ACCESS_KEY)
  await shot(page, 'access-unlock')
  assert.deepEqual(await axe(page), [])
  await unlock(page, 'not the secret at all')
  await page.getByRole('alert').getByText('The secret key does not belong to the access key').waitFor()
  await unlock(page)
  await page.getByText('No users yet').waitFor()
  await page.getByRole('button', { name: 'Lock' }).click()
  await page.getByRole('heading', { name: 'Unlock administration' }).waitFor()
  assert.equal(await page.evaluate(() => window.sessionStorage.length + window.localStorage.length), 0)
  assert.deepEqual(page.problems, [])
})

test('a user is made, gets a key that works and whose secret is shown once, and is deleted with all it has', async () => {
  const page = await openAccess()
  await unlock(page)
  await page.getByRole('button', { name: 'Create user' }).click()
  await page.getByLabel('User name').fill('anna')
  await page.getByRole('button', { name: 'Create', exact: true }).click()
  await page.getByRole('heading', { name: 'anna' }).waitFor()

  await page.getByRole('button', { name: 'Create key' }).click()
  const dialog = page.getByRole('dialog')
  const accessKeyId = await dialog.getByLabel('Access key').inputValue()
  const secretAccessKey = await dialog.getByLabel('Secret key').inputValue()
  await shot(page, 'access-secret-once')
  assert.deepEqual(await axe(page), [])
  await dialog.getByRole('button', { name: 'I have stored it' }).click()
  await page.getByRole('cell', { name: accessKeyId, exact: true }).waitFor()
  assert.equal((await page.content()).includes(secretAccessKey), false)

  await page.getByRole('region', { name: 'Inline policies' }).getByRole('button', { name: 'Add' }).click()
  await dialog.getByLabel('Name').fill('list')
  await dialog.getByLabel('Bucket in the template').fill('lake')
  await dialog.getByLabel('Template', { exact: true }).selectOption('read-bucket')
  await dialog.getByText('The server takes it').waitFor()
  await shot(page, 'access-policy-editor')
  assert.deepEqual(await axe(page), [])
  await dialog.getByRole('button', { name: 'Save' }).click()
  await page.getByRole('button', { name: 'list', exact: true }).waitFor()

  const s3 = s3Of(server, { accessKeyId, secretAccessKey })
  await s3Of(server).send(new sdk.CreateBucketCommand({ Bucket: 'lake' }))
  assert.deepEqual((await s3.send(new sdk.ListObjectsV2Command({ Bucket: 'lake' }))).KeyCount, 0)
  await assert.rejects(s3.send(new sdk.PutObjectCommand({ Bucket: 'lake', Key: 'a', Body: 'a' })), /not authorized/)

  await page.getByRole('button', { name: `Actions on ${accessKeyId}` }).click()
  await page.getByRole('menuitem', { name: 'Deactivate' }).click()
  await page.getByText('inactive').waitFor()
  await assert.rejects(s3.send(new sdk.ListObjectsV2Command({ Bucket: 'lake' })), { Code: 'InvalidAccessKeyId' })

  await page.getByRole('region', { name: 'Attached policies' }).getByRole('button', { name: 'Attach' }).click()
  await dialog.getByLabel('Managed policy').selectOption('arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess')
  await dialog.getByRole('button', { name: 'Attach' }).click()
  await page.getByRole('link', { name: 'AmazonS3ReadOnlyAccess' }).waitFor()
  await shot(page, 'access-user')
  assert.deepEqual(await axe(page), [])

  const region = page.getByRole('region', { name: 'User', exact: true })
  await region.getByRole('button', { name: 'Rename' }).click()
  await dialog.getByLabel('New name').fill('annabel')
  await dialog.getByRole('button', { name: 'Rename' }).click()
  await page.getByRole('heading', { name: 'annabel' }).waitFor()
  await region.getByRole('button', { name: 'Delete' }).click()
  await assert.rejects(dialog.getByRole('button', { name: 'Delete' }).click({ timeout: 300 }))
  await dialog.getByLabel('Type annabel to confirm').fill('annabel')
  await dialog.getByRole('button', { name: 'Delete' }).click()
  await page.getByText('No users yet').waitFor()
  await assert.rejects(iam(server, 'GetUser', { UserName: 'annabel' }), /NoSuchEntity/)
  assert.deepEqual(page.problems, [])
})

test('groups have members and roles have a trust policy', async () => {
  await makeUser(server, 'member')
  const page = await openAccess()
  await unlock(page)
  await page.getByRole('tab', { name: 'Groups' }).click()
  await page.getByRole('button', { name: 'Create group' }).click()
  await page.getByLabel('Group name').fill('readers')
  await page.getByRole('button', { name: 'Create', exact: true }).click()
  await page.getByRole('region', { name: 'Members' }).getByRole('button', { name: 'Add' }).click()
  const dialog = page.getByRole('dialog')
  await dialog.getByLabel('User').selectOption('member')
  await dialog.getByRole('button', { name: 'Add' }).click()
  await page.getByRole('region', { name: 'Members' }).getByRole('link', { name: 'member' }).waitFor()
  assert.match(await iam(server, 'GetGroup', { GroupName: 'readers' }), /<UserName>member</)
  assert.deepEqual(await axe(page), [])

  await page.getByRole('tab', { name: 'Roles' }).click()
  await page.getByRole('button', { name: 'Create role' }).click()
  await dialog.getByLabel('Name').fill('etl')
  await dialog.getByRole('button', { name: 'Create', exact: true }).click()
  await page.getByRole('heading', { name: 'etl' }).waitFor()
  await page.getByRole('textbox', { name: 'Trust policy' }).waitFor()
  assert.match(decodeURIComponent(await iam(server, 'GetRole', { RoleName: 'etl' })), /arn:aws:iam::000000000001:root/)
  await page.getByRole('button', { name: 'Change' }).click()
  await dialog.getByLabel('Description').fill('<b>nightly</b>')
  await dialog.getByLabel('Longest session').selectOption('4')
  await dialog.getByRole('button', { name: 'Save' }).click()
  await page.getByText('<b>nightly</b>').waitFor()
  assert.match(await iam(server, 'GetRole', { RoleName: 'etl' }), /<MaxSessionDuration>14400</)
  await shot(page, 'access-role')
  assert.deepEqual(await axe(page), [])
  assert.deepEqual(page.problems, [])
})

test('a managed policy has versions of which one acts', async () => {
  const page = await openAccess()
  await unlock(page)
  await page.getByRole('tab', { name: 'Policies' }).click()
  await page.getByRole('link', { name: 'AdministratorAccess' }).waitFor()
  await page.getByRole('button', { name: 'Create policy' }).click()
  const dialog = page.getByRole('dialog')
  await dialog.getByLabel('Name').fill('limits')
  await dialog.getByLabel('Template', { exact: true }).selectOption('metrics')
  await dialog.getByRole('button', { name: 'Create', exact: true }).click()
  await page.getByRole('heading', { name: 'limits' }).waitFor()
  await page.getByRole('button', { name: 'Edit' }).click()
  await write(page.getByRole('dialog').page(), 'New version of limits', '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:ListAllMyBuckets", "Resource": "*"}]}')
  await dialog.getByRole('button', { name: 'Save as a new version' }).click()
  const versions = page.getByRole('table', { name: 'Versions' })
  await versions.getByRole('row', { name: /v2 acts/ }).waitFor()
  await shot(page, 'access-policy')
  assert.deepEqual(await axe(page), [])
  await page.getByRole('button', { name: 'Actions on v1' }).click()
  await page.getByRole('menuitem', { name: 'Set as default' }).click()
  await dialog.getByRole('button', { name: 'Set as default' }).click()
  await versions.getByRole('row', { name: /v1 acts/ }).waitFor()
  assert.match(await iam(server, 'GetPolicy', { PolicyArn: 'arn:aws:iam::000000000001:policy/limits' }), /<DefaultVersionId>v1</)
  assert.deepEqual(page.problems, [])
})

test('the editor says what is wrong where it is, before anything is saved', async () => {
  await makeUser(server, 'edited')
  const page = await openAccess()
  await unlock(page)
  await page.getByRole('link', { name: 'edited' }).click()
  await page.getByRole('region', { name: 'Inline policies' }).getByRole('button', { name: 'Add' }).click()
  const dialog = page.getByRole('dialog')
  await dialog.getByLabel('Name').fill('own')
  await write(page, 'New inline policy', '{"Version": "2012-10-17",\n "Statement": [}')
  await dialog.getByText('Line 2, column 16: A value is expected, not "}"').waitFor()
  assert.equal(await dialog.getByRole('button', { name: 'Save' }).isDisabled(), true)
  await write(page, 'New inline policy', '{"Version": "2012-10-17",\n "Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*",\n  "Condition": {"StringEquals": {"s3:nonsense": "a"}}}]}')
  await dialog.getByText('Line 3, column 49: Policy has an invalid condition key').waitFor()
  await shot(page, 'access-editor-refusal')
  await write(page, 'New inline policy', '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": ["s3:GetObject", "glue:GetTable"], "Resource": "*"}]}')
  await dialog.getByText(/glue:GetTable is an action of another service/).waitFor()

  /* By keyboard: Tab leaves the editor, and Escape asks before it loses what was written. */
  await page.keyboard.press('Tab')
  assert.equal(await dialog.getByRole('button', { name: 'Cancel' }).evaluate((button) => button === document.activeElement), true)
  await page.keyboard.press('Escape')
  const question = page.getByRole('dialog', { name: 'Discard what you wrote?' })
  await question.getByRole('button', { name: 'Cancel' }).click()
  await dialog.getByText(/glue:GetTable is an action of another service/).waitFor()
  await page.keyboard.press('Escape')
  await question.getByRole('button', { name: 'Discard' }).click()
  await dialog.first().waitFor({ state: 'detached' })
  assert.deepEqual(page.problems, [])
})

test('what is being written is not lost when the secret was forgotten meanwhile', async () => {
  await makeUser(server, 'patient')
  const page = await openAccess()
  await page.clock.install()
  await unlock(page)
  await page.getByRole('link', { name: 'patient' }).click()
  await page.getByRole('region', { name: 'Inline policies' }).getByRole('button', { name: 'Add' }).click()
  const dialog = page.getByRole('dialog', { name: 'New inline policy' })
  await dialog.getByLabel('Name').fill('kept')
  await dialog.getByLabel('Template', { exact: true }).selectOption('metrics')
  await dialog.getByText('Valid JSON').or(dialog.getByText('The server takes it')).waitFor()
  await page.clock.fastForward('16:00')
  await dialog.getByRole('button', { name: 'Save' }).click()
  await dialog.getByRole('button', { name: 'Type the secret again' }).click()
  await unlock(page.getByRole('dialog', { name: 'Unlock administration' }))
  await dialog.getByRole('button', { name: 'Save' }).click()
  await dialog.waitFor({ state: 'detached' })
  assert.match(decodeURIComponent(await iam(server, 'GetUserPolicy', { UserName: 'patient', PolicyName: 'kept' })), /lakegate:GetMetrics/)
})

test('who can do this is answered for everybody, with what decided', async () => {
  const bucket = 'whocan'
  await s3Of(server).send(new sdk.CreateBucketCommand({ Bucket: bucket }))
  await makeUser(server, 'may', [{ Effect: 'Allow', Action: 's3:GetObject', Resource: `arn:aws:s3:::${bucket}/*` }])
  await makeUser(server, 'maynot', [{ Effect: 'Deny', Action: 's3:*', Resource: '*' }])
  await makeUser(server, 'bybucket')
  const policy = { Version: '2012-10-17', Statement: [{ Effect: 'Allow', Principal: { AWS: 'arn:aws:iam::000000000001:user/bybucket' }, Action: 's3:GetObject', Resource: `arn:aws:s3:::${bucket}/*` }] }
  await s3Of(server).send(new sdk.PutBucketPolicyCommand({ Bucket: bucket, Policy: JSON.stringify(policy) }))
  const page = await openAccess()
  await unlock(page)
  await page.getByRole('tab', { name: 'Who can do this?' }).click()
  await page.getByLabel('On', { exact: true }).fill(`${bucket}/a`)
  await page.getByRole('button', { name: 'Ask' }).click()
  const answers = page.getByRole('table', { name: 'Answers' })
  await answers.getByRole('row', { name: /^may user allowed .*own, line 1/ }).waitFor()
  await answers.getByRole('row', { name: /^maynot user denied .*own/ }).waitFor()
  await answers.getByRole('row', { name: /^bybucket user allowed the bucket's policy, line 1/ }).waitFor()
  await answers.getByRole('row', { name: /^Anybody, without keys anonymous not allowed no statement allows it/ }).waitFor()
  await shot(page, 'access-who-can')
  assert.deepEqual(await axe(page), [])

  await page.getByLabel('Who', { exact: true }).selectOption('draft')
  await page.getByLabel('Template', { exact: true }).selectOption('clean')
  await page.getByLabel('In the zone').fill('raw')
  await page.getByRole('button', { name: 'Ask' }).click()
  await answers.getByRole('row', { name: /Whoever has the draft draft allowed/ }).waitFor()
  assert.deepEqual(page.problems, [])
})

test('who can do this counts access lists, the public access block and who has no keys', async () => {
  const bucket = 'opened'
  const s3 = s3Of(server)
  await s3.send(new sdk.CreateBucketCommand({ Bucket: bucket, ObjectOwnership: 'ObjectWriter' }))
  await s3.send(new sdk.DeletePublicAccessBlockCommand({ Bucket: bucket }))
  await s3.send(new sdk.PutObjectCommand({ Bucket: bucket, Key: 'listed', Body: 'x', ACL: 'public-read' }))
  const Statement = [{ Effect: 'Allow', Principal: '*', Action: 's3:GetObject', Resource: `arn:aws:s3:::${bucket}/open/*` }]
  await s3.send(new sdk.PutBucketPolicyCommand({ Bucket: bucket, Policy: JSON.stringify({ Version: '2012-10-17', Statement }) }))
  const page = await openAccess()
  await unlock(page)
  await page.getByRole('tab', { name: 'Who can do this?' }).click()
  const anybody = async (key, verdict) => {
    await page.getByLabel('On', { exact: true }).fill(`${bucket}/${key}`)
    await page.getByRole('button', { name: 'Ask', exact: true }).click()
    await page.getByRole('table', { name: 'Answers' }).getByRole('row', { name: new RegExp(`^Anybody, without keys anonymous ${verdict}`) }).waitFor()
  }
  await anybody('open/a', "allowed the bucket's policy, line 1")
  await anybody('listed', 'allowed an access list \\(ACL\\)')
  await anybody('other', 'not allowed no statement allows it')
  await shot(page, 'access-who-can-anybody')
  assert.deepEqual(await axe(page), [])
  await s3.send(new sdk.PutPublicAccessBlockCommand({ Bucket: bucket, PublicAccessBlockConfiguration: { IgnorePublicAcls: true, RestrictPublicBuckets: true } }))
  await anybody('open/a', 'not allowed nothing allows it: the public access block')
  await anybody('listed', 'not allowed')

  /* Who may simulate but not read ACLs is told what was left out. */
  const keys = await makeUser(server, 'asks', [{ Effect: 'Allow', Action: ['iam:*', 's3:GetBucketPolicy', 's3:ListAllMyBuckets'], Resource: '*' }])
  const other = await newPage(browser)
  await logIn(other, server, keys)
  await open(other, { tab: 'simulate', resource: `${bucket}/open/a` })
  await unlock(other, keys.secretAccessKey)
  await other.getByRole('button', { name: 'Ask', exact: true }).click()
  await other.getByText('Access lists and the public access block are left out').waitFor()
  await other.getByRole('row', { name: /^Anybody, without keys anonymous allowed/ }).waitFor()
  assert.deepEqual(page.problems, [])
  assert.deepEqual(other.problems, [])
})

test('odd names of users and policies are text and nothing else', async () => {
  await iam(server, 'CreateUser', { UserName: `odd${EVIL}`, 'Tags.member.1.Key': 'x=/y+-:@_.', 'Tags.member.1.Value': 'y =/+-@' })
  const html = '<img src=x onerror="alert(1)">'
  const document = JSON.stringify({ Version: '2012-10-17', Statement: [{ Sid: 'a', Effect: 'Deny', Action: 's3:GetObject', Resource: `arn:aws:s3:::x/${html}\u00ad` }] })
  await iam(server, 'PutUserPolicy', { UserName: `odd${EVIL}`, PolicyName: `p${EVIL}`, PolicyDocument: document })
  await iam(server, 'CreatePolicy', { PolicyName: `m${EVIL}`, PolicyDocument: document, Description: html })
  const page = await openAccess()
  await unlock(page)
  await page.getByRole('link', { name: `odd${EVIL}` }).click()
  await page.getByRole('heading', { name: `odd${EVIL}` }).waitFor()
  await page.getByRole('button', { name: `p${EVIL}`, exact: true }).click()
  await page.getByRole('dialog').getByRole('textbox', { name: `Inline policy p${EVIL}` }).waitFor()
  await page.keyboard.press('Escape')
  await page.getByRole('tab', { name: 'Policies' }).click()
  await page.getByRole('link', { name: `m${EVIL}` }).click()
  await page.getByText(html).first().waitFor()
  assert.equal(await page.locator('img').count(), 0)
  assert.deepEqual(page.problems, [])
})

test('who may not administer sees that it is denied, on a phone and in the dark too', async () => {
  const keys = await makeUser(server, 'nobody', [{ Effect: 'Allow', Action: ['s3:ListAllMyBuckets', 'iam:SimulatePrincipalPolicy'], Resource: '*' }])
  const page = await newPage(browser, { viewport: { width: 360, height: 740 }, colorScheme: 'dark' })
  await logIn(page, server, keys)
  await open(page, { tab: 'users' })
  await unlock(page, keys.secretAccessKey)
  await page.getByRole('alert').getByText('Denied', { exact: true }).waitFor()
  await page.getByTestId('why-denied').getByText('No statement of your policies allows iam:ListUsers').waitFor()
  await shot(page, 'access-denied-phone-dark')
  assert.deepEqual(await axe(page), [])
  assert.equal(await page.evaluate(() => document.documentElement.scrollWidth <= window.innerWidth), true)
  assert.deepEqual(page.problems, [])
})

test('a session of a role administers without a lasting key', async () => {
  await iam(server, 'CreateRole', {
    RoleName: 'admins',
    AssumeRolePolicyDocument: JSON.stringify({ Version: '2012-10-17', Statement: [{ Effect: 'Allow', Principal: { AWS: 'arn:aws:iam::000000000001:root' }, Action: 'sts:AssumeRole' }] }),
  })
  await iam(server, 'AttachRolePolicy', { RoleName: 'admins', PolicyArn: 'arn:aws:iam::aws:policy/AdministratorAccess' })
  const keys = await makeUser(server, 'becomes', [{ Effect: 'Allow', Action: 'sts:AssumeRole', Resource: '*' }])
  const answer = await signed(server, {
    method: 'POST',
    service: 'sts',
    keys,
    body: new URLSearchParams({ Action: 'AssumeRole', Version: '2011-06-15', RoleArn: 'arn:aws:iam::000000000001:role/admins', RoleSessionName: 'night' }).toString(),
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
  })
  const element = (tag) => answer.match(new RegExp(`<${tag}>([^<]*)</${tag}>`))[1]
  const page = await newPage(browser)
  await page.goto(server.console)
  await page.getByLabel('Access key').fill(element('AccessKeyId'))
  await page.getByLabel('Secret key').fill(element('SecretAccessKey'))
  await page.getByLabel('These keys are temporary').check()
  await page.getByRole('textbox', { name: 'Session token' }).fill(element('SessionToken'))
  await page.getByRole('button', { name: 'Log in' }).click()
  await page.locator('.shell').waitFor()
  await open(page, { tab: 'users' })
  await page.getByRole('link', { name: 'becomes' }).waitFor()
  assert.deepEqual(page.problems, [])
})

test('all of it works below a path, too', async () => {
  const below = await startLakegated(['--path-prefix', '/lake'])
  try {
    const page = await newPage(browser)
    await page.goto(below.console.replace('/-/console/', '/lake/-/console/'))
    await page.getByLabel('Access key').fill(ACCESS_KEY)
    await page.getByLabel('Secret key').fill(SECRET_KEY)
    await page.getByRole('button', { name: 'Log in' }).click()
    await page.locator('.shell').waitFor()
    await open(page, { tab: 'users' })
    await unlock(page)
    await page.getByText('No users yet').waitFor()
    for (const [to, seen] of [
      ['#/copies', 'Nothing was copied yet'],
      ['#/copies?tab=links', 'No linked buckets'],
      ['#/bucket?bucket=none&tab=public', 'All buckets of account 000000000001'],
      ['#/dashboard', 'Operations since the start'],
    ]) {
      await page.evaluate((hash) => (window.location.hash = hash), to)
      await page.getByText(seen).waitFor()
    }
    assert.deepEqual(page.problems, [])
  } finally {
    await below.stop()
  }
})
