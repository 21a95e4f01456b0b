/* Uploads by parts that were begun and neither completed nor aborted: they take space until somebody does. */
import { AbortMultipartUploadCommand, ListMultipartUploadsCommand } from '@aws-sdk/client-s3'
import { send } from '../../s3/client'
import { decodeListed } from '../../s3/objects'
import { Button, Dialog, format, Load, openDialog, toastError, useLoad } from '../../ui'
import { visible } from '../../ui/format'
import { uploads } from '../../upload/manager'

const SHOWN_MAX = 1000

interface Begun {
  key: string
  id: string
  began?: Date
}

export function unfinishedUploads(bucket: string, prefix: string): void {
  openDialog((close) => <Unfinished bucket={bucket} prefix={prefix} onClose={close} />)
}

async function list(bucket: string, prefix: string, signal: AbortSignal): Promise<Begun[]> {
  const answer = await send(new ListMultipartUploadsCommand({ Bucket: bucket, Prefix: prefix, MaxUploads: SHOWN_MAX, EncodingType: 'url' }), { abortSignal: signal })
  return (answer.Uploads ?? []).map((upload) => ({ key: decodeListed(upload.Key), id: upload.UploadId ?? '', began: upload.Initiated }))
}

function Unfinished({ bucket, prefix, onClose }: { bucket: string; prefix: string; onClose: () => void }) {
  const begun = useLoad((signal) => list(bucket, prefix, signal), [bucket, prefix])
  const abort = async (which: Begun[]) => {
    for (const { key, id } of which)
      try {
        await send(new AbortMultipartUploadCommand({ Bucket: bucket, Key: key, UploadId: id }))
      } catch (thrown) {
        toastError(thrown, `${visible(key)} could not be given up`)
      }
    begun.reload()
  }
  const here = (id: string) => uploads.value.some((upload) => upload.uploadId === id)
  return (
    <Dialog title="Unfinished uploads" wide onClose={onClose} foot={<Button onClick={onClose}>Close</Button>}>
      <p>What is there of them takes space. To go on with one, upload the same file to the same place; giving it up deletes its parts.</p>
      <Load of={begun} asked={{ action: 's3:ListBucketMultipartUploads', resource: bucket }}>
        {(found) =>
          found.length === 0 ? (
            <p class="muted">There are none{prefix && ` below ${visible(prefix)}`}.</p>
          ) : (
            <>
              <div class="grid-wrap unfinished" tabIndex={0} role="region" aria-label="Unfinished uploads">
                <table class="table">
                  <thead>
                    <tr>
                      <th scope="col">Key</th>
                      <th scope="col">Begun</th>
                      <th scope="col">
                        <span class="sr">Give up</span>
                      </th>
                    </tr>
                  </thead>
                  <tbody>
                    {found.map((one) => (
                      <tr key={one.id}>
                        <td class="mono break">{visible(one.key)}</td>
                        <td class="nowrap muted">{format.time(one.began)}</td>
                        <td class="num">
                          {here(one.id) ? (
                            <span class="muted">in this window</span>
                          ) : (
                            <Button small kind="danger" onClick={() => void abort([one])}>
                              Give up
                            </Button>
                          )}
                        </td>
                      </tr>
                    ))}
                  </tbody>
                </table>
              </div>
              {found.length === SHOWN_MAX && <p class="muted">The first {format.count(SHOWN_MAX)}.</p>}
            </>
          )
        }
      </Load>
    </Dialog>
  )
}
