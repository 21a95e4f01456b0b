/* Makes docs/images/console.png: a small lake of taxi rides, looked at. usage: node tests/console/picture.mjs */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { logIn, newPage, open, pythonFiles, ROOT, s3Of, sdk, signed, startBrowser, startLakegated } from './harness.mjs'

const { CopyObjectCommand, CreateBucketCommand, PutObjectCommand } = sdk
const server = await startLakegated()
const browser = await startBrowser()
const s3 = s3Of(server)
await s3.send(new CreateBucketCommand({ Bucket: 'taxi-lake' }))
const Zones = [
  { Name: 'raw', Prefix: 'raw/', WriteOnce: true, Duplicates: 'reject' },
  { Name: 'staging', Prefix: 'staging/', PromoteFrom: ['raw'] },
  { Name: 'gold', Prefix: 'gold/', PromoteFrom: ['staging'] },
]
await signed(server, { method: 'PUT', path: '/taxi-lake', query: { 'lakegate-zones': '' }, body: JSON.stringify({ Version: '2026-11-01', Zones }) })
const months = pythonFiles(`
import glob, random, sys
import arro3.core as a
from deltalake import write_deltalake, WriterProperties
random.seed(7)
for month in range(1, 12):
    rows = 3000 + month * 911
    table = a.Table.from_pydict({
        "trip_id": a.Array([month * 1000000 + i for i in range(rows)], a.DataType.int64()),
        "pickup": a.Array([f"2026-{month:02}-{1 + i % 28:02} {i % 24:02}:{i % 60:02}" for i in range(rows)], a.DataType.utf8()),
        "passengers": a.Array([random.randint(1, 5) for _ in range(rows)], a.DataType.int64()),
        "miles": a.Array([round(random.uniform(0.4, 18), 2) for _ in range(rows)], a.DataType.float64()),
        "fare": a.Array([round(random.uniform(4, 70), 2) for _ in range(rows)], a.DataType.float64())})
    to = f"{sys.argv[1]}/{month:02}"
    write_deltalake(to, table, writer_properties=WriterProperties(compression="ZSTD"))
    print(f"{month:02}", glob.glob(f"{to}/*.parquet")[0])
`)
const put = (Key, Body) => s3.send(new PutObjectCommand({ Bucket: 'taxi-lake', Key, Body }))
for (const [month, body] of months) await put(`raw/green/green_tripdata_2026-${month}.parquet`, body)
await put('raw/zones/taxi_zone_lookup.csv', 'id,borough\n1,Queens\n')
await put('README.md', '# Rides\n')
await s3.send(new CopyObjectCommand({ Bucket: 'taxi-lake', Key: 'staging/green/2026-11.parquet', CopySource: 'taxi-lake/raw/green/green_tripdata_2026-11.parquet' }))
await s3.send(new CopyObjectCommand({ Bucket: 'taxi-lake', Key: 'gold/rides/2026-11.parquet', CopySource: 'taxi-lake/staging/green/2026-11.parquet' }))
const page = await newPage(browser, { viewport: { width: 1240, height: 700 } })
await logIn(page, server)
const key = 'raw/green/green_tripdata_2026-11.parquet'
await open(page, server, 'browse', { bucket: 'taxi-lake', prefix: 'raw/green/', key })
await page.getByRole('tab', { name: 'Preview' }).click()
await page.getByRole('columnheader', { name: 'fare' }).waitFor()
await page.mouse.move(0, 0)
mkdirSync(join(ROOT, 'docs/images'), { recursive: true })
await page.screenshot({ path: join(ROOT, 'docs/images/console.png') })
await browser.close()
await server.stop()
