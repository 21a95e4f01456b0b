/* Tags of one version of an object: shown, and changed as the whole set that S3 knows. */
import { useState } from 'preact/hooks'
import { objectTags, putObjectTags, type Place } from '../../s3/objects'
import { Button, Field, FormDialog, Load, openDialog, toast, useLoad } from '../../ui'
import { visible } from '../../ui/format'
import { TAGS_MAX, tagProblems } from './tag-rules'

type Tag = [string, string]

export function ObjectTags({ at }: { at: Place }) {
  const tags = useLoad((signal) => objectTags(at.bucket, at.key, at.versionId, signal), [at.bucket, at.key, at.versionId])
  const edit = (list: Tag[]) => openDialog((close) => <EditTags at={at} tags={list} onClose={close} onDone={tags.reload} />)
  return (
    <>
      <div class="row">
        <h3 class="grow">Tags</h3>
        {tags.value && (
          <Button small kind="plain" icon="edit" label="Edit the tags" onClick={() => edit(tags.value ?? [])}>
            Edit
          </Button>
        )}
      </div>
      <Load of={tags} asked={{ action: 's3:GetObjectTagging', resource: `${at.bucket}/${at.key}` }}>
        {(list) =>
          list.length === 0 ? (
            <span class="muted">none</span>
          ) : (
            <dl class="facts">
              {list.map(([name, value]) => [<dt key={`${name}.`}>{visible(name)}</dt>, <dd key={name}>{visible(value) || <span class="muted">empty</span>}</dd>])}
            </dl>
          )
        }
      </Load>
    </>
  )
}

function EditTags({ at, tags, onClose, onDone }: { at: Place; tags: Tag[]; onClose: () => void; onDone: () => void }) {
  const [rows, setRows] = useState<Tag[]>(tags.length > 0 ? tags : [['', '']])
  const change = (index: number, tag: Tag | null) => setRows(rows.flatMap((row, i) => (i !== index ? [row] : tag ? [tag] : [])))
  /* A row that nothing was written in is none. */
  const isWritten = ([name, value]: Tag) => name !== '' || value !== ''
  const wanted = rows.filter(isWritten)
  const problems = tagProblems(wanted)
  const problemOf = (row: Tag) => (isWritten(row) ? problems[wanted.indexOf(row)] : '')
  const action = wanted.length > 0 ? 's3:PutObjectTagging' : 's3:DeleteObjectTagging'
  return (
    <FormDialog
      title="Tags of the object"
      action="Save"
      wide
      ready={problems.every((problem) => problem === '')}
      asked={{ action, resource: `${at.bucket}/${at.key}` }}
      onClose={onClose}
      run={async () => {
        await putObjectTags(at, wanted)
        onDone()
        toast('The tags are saved')
      }}
    >
      <p class="muted">At most {TAGS_MAX} tags; names to 128, values to 256 characters: letters, digits, spaces and + - = . _ : / @. Policies may look at them.</p>
      {rows.map((row, index) => (
        <div class="tag-row" key={index} role="group" aria-label={`Tag ${index + 1}`}>
          <Field label="Name" value={row[0]} onInput={(text) => change(index, [text, row[1]])} autofocus={index === rows.length - 1} problem={problemOf(row)} />
          <Field label="Value" value={row[1]} onInput={(text) => change(index, [row[0], text])} />
          <Button kind="plain" icon="close" label={`Remove tag ${index + 1}`} onClick={() => change(index, null)} />
        </div>
      ))}
      <div>
        <Button small icon="plus" disabled={rows.length >= TAGS_MAX} onClick={() => setRows([...rows, ['', '']])}>
          Add a tag
        </Button>
      </div>
    </FormDialog>
  )
}
