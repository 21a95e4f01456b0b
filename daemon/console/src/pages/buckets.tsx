import { ListBucketsCommand } from '@aws-sdk/client-s3'
import { href } from '../router'
import { send } from '../s3/client'
import { Empty, format, Load, useLoad } from '../ui'

export default function Buckets() {
  const buckets = useLoad(async (signal) => (await send(new ListBucketsCommand({}), { abortSignal: signal })).Buckets ?? [], [])
  return (
    <>
      <div class="page-head">
        <h1>Buckets</h1>
      </div>
      <Load of={buckets} asked={{ action: 's3:ListAllMyBuckets' }}>
        {(list) =>
          list.length === 0 ? (
            <Empty icon="bucket" title="No buckets yet" />
          ) : (
            <div class="card table-wrap">
              <table class="table">
                <thead>
                  <tr>
                    <th>Name</th>
                    <th>Created</th>
                  </tr>
                </thead>
                <tbody>
                  {list.map((bucket) => (
                    <tr key={bucket.Name}>
                      <td>
                        <a href={href('browse', { bucket: bucket.Name })}>{bucket.Name}</a>
                      </td>
                      <td>{format.time(bucket.CreationDate)}</td>
                    </tr>
                  ))}
                </tbody>
              </table>
            </div>
          )
        }
      </Load>
    </>
  )
}
