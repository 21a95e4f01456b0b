/* A policy in a dialog: written anew from a template, changed, or only read. */
import { useState } from 'preact/hooks'
import { isJson, JsonEditor, pretty, type JsonEditorProps } from '../../editor'
import type { Template } from '../../editor/templates'
import { Button, confirmAction, Dialog, Field, openDialog, Select } from '../../ui'
import { FormDialog } from './parts'

export interface PolicyDialog {
  title: string
  text: string
  /** asks for a name, too */
  named?: boolean
  nameHint?: string
  templates?: Template[]
  /** what templates are made for: a bucket's name, an account */
  subject?: string
  action?: string
  check?: JsonEditorProps['check']
  save: (text: string, name: string) => Promise<void>
}

export function editPolicy(dialog: PolicyDialog): void {
  openDialog((close) => <Edit {...dialog} onClose={close} />)
}

export function TemplateSelect({ templates, subject, onPick }: { templates: Template[]; subject: string; onPick: (text: string) => void }) {
  const [picked, setPicked] = useState('')
  return (
    <Select
      label="Template"
      value={picked}
      onChange={(id) => {
        setPicked(id)
        const template = templates.find((candidate) => candidate.id === id)
        if (template) onPick(JSON.stringify(template.make(subject), null, 2))
      }}
      options={[{ value: '', label: 'Begin with…' }, ...templates.map(({ id, label }) => ({ value: id, label }))]}
    />
  )
}

function Edit({ title, text: given, named, nameHint, templates, subject = 'BUCKET', action = 'Save', check, save, onClose }: PolicyDialog & { onClose: () => void }) {
  const [text, setText] = useState(() => pretty(given))
  const [name, setName] = useState('')
  const [bucket, setBucket] = useState(subject)
  const [refusal, setRefusal] = useState<unknown>(null)
  const leave = () => {
    if (text === pretty(given)) return onClose()
    return confirmAction({ title: 'Discard what you wrote?', children: 'It is saved nowhere.', action: 'Discard', run: async () => onClose() })
  }
  return (
    <FormDialog title={title} action={action} wide ready={isJson(text) && (!named || name.trim() !== '')} run={() => save(text, name.trim())} onClose={onClose} onCancel={leave} onError={setRefusal}>
      {named && <Field label="Name" value={name} onInput={setName} hint={nameHint} autofocus required />}
      {templates && (
        <div class="two">
          <TemplateSelect key={bucket} templates={templates} subject={bucket} onPick={setText} />
          {subject === 'BUCKET' && <Field label="Bucket in the template" value={bucket} onInput={setBucket} mono />}
        </div>
      )}
      <JsonEditor label={title} value={text} onInput={setText} check={check} refusal={refusal} />
    </FormDialog>
  )
}

export function showPolicy(title: string, text: string): void {
  openDialog((close) => (
    <Dialog title={title} wide onClose={close} foot={<Button onClick={close}>Close</Button>}>
      <JsonEditor label={title} value={pretty(text)} />
    </Dialog>
  ))
}
