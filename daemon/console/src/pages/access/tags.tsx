/* Tags of users, roles and policies: aws:PrincipalTag/… and aws:ResourceTag/… in conditions. */
import { useState } from 'preact/hooks'
import { iam, members, text, type Rec } from '../../s3/iam'
import { Button, confirmAction, Field, format, openDialog, Table } from '../../ui'
import { FormDialog, Section } from './parts'

export type Tagged = 'User' | 'Role' | 'Policy'

const target = (kind: Tagged, name: string): Record<string, string> => (kind === 'Policy' ? { PolicyArn: name } : { [`${kind}Name`]: name })

function AddTag({ kind, name, onClose, onDone }: { kind: Tagged; name: string; onClose: () => void; onDone: () => void }) {
  const [key, setKey] = useState('')
  const [value, setValue] = useState('')
  return (
    <FormDialog
      title="Set a tag"
      action="Set"
      ready={key.trim() !== ''}
      onClose={onClose}
      run={async () => {
        await iam(`Tag${kind}`, { ...target(kind, name), 'Tags.member.1.Key': key.trim(), 'Tags.member.1.Value': value.trim() })
        onDone()
      }}
    >
      <Field label="Key" value={key} onInput={setKey} autofocus required />
      <Field label="Value" value={value} onInput={setValue} />
    </FormDialog>
  )
}

export function Tags({ kind, name, tags, onChange }: { kind: Tagged; name: string; tags: Rec[]; onChange: () => void }) {
  const remove = (key: string) =>
    confirmAction({
      title: 'Remove the tag?',
      children: `Policies that look at ${format.visible(key)} will no longer find it.`,
      action: 'Remove',
      run: async () => {
        await iam(`Untag${kind}`, { ...target(kind, name), ...members('TagKeys', [key]) })
        onChange()
      },
    })
  return (
    <Section title="Tags" action={<Button small icon="plus" onClick={() => openDialog((close) => <AddTag kind={kind} name={name} onClose={close} onDone={onChange} />)}>Set</Button>}>
      {tags.length === 0 ? (
        <p class="muted">None</p>
      ) : (
        <Table
          label="Tags"
          head={false}
          rows={tags}
          keyOf={(tag) => text(tag.Key)}
          columns={[
            { label: 'Key', class: 'wrap', cell: (tag) => format.visible(text(tag.Key)) },
            { label: 'Value', class: 'wrap', cell: (tag) => format.visible(text(tag.Value)) },
            { label: '', cell: (tag) => <Button small kind="plain" icon="close" label={`Remove the tag ${format.visible(text(tag.Key))}`} onClick={() => remove(text(tag.Key))} /> },
          ]}
        />
      )}
    </Section>
  )
}
