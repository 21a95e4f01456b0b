/* What users, groups and roles have in common: a list of them, what each is, taking one away with all that hangs on it, and the
 * other entities that it goes with. */
import type { ComponentChildren } from 'preact'
import { useState } from 'preact/hooks'
import { go } from '../../router'
import { iam, iamAll, iamRecords, record, text, type Rec } from '../../s3/iam'
import { Button, confirmAction, format, Load, openDialog, Select, Table, toast, useLoad, type Asked, type Column, type IconName, type Loaded } from '../../ui'
import { accessHref, FormDialog, NameTable, Section, type Tab } from './parts'
import { Boundary, type Kind } from './policies-of'

const TABS: Record<Kind, Tab> = { User: 'users', Group: 'groups', Role: 'roles' }
const ICONS: Record<Kind, IconName> = { User: 'user', Group: 'users', Role: 'policy' }

export const entityHref = (kind: Kind, name?: string): string => accessHref(TABS[kind], name)
export const goToEntity = (kind: Kind, name?: string): void => go('access', { tab: TABS[kind], name })
export const entityName = (kind: Kind, entity: Rec): string => text(entity[`${kind}Name`])

/** All of a kind, with a button that makes one. */
export function Entities({ kind, columns, onCreate }: { kind: Kind; columns: Column<Rec>[]; onCreate: () => void }) {
  const all = useLoad((signal) => iamRecords(`List${kind}s`, `${kind}s`, {}, signal), [kind])
  return (
    <Load of={all} asked={{ action: `iam:List${kind}s` }}>
      {(list) => (
        <NameTable
          label={`${kind}s`}
          rows={list}
          nameOf={(entity) => entityName(kind, entity)}
          linkOf={(entity) => entityHref(kind, entityName(kind, entity))}
          empty={{ icon: ICONS[kind], title: `No ${kind.toLowerCase()}s yet` }}
          columns={[...columns, { label: 'Created', class: 'nowrap', cell: (entity) => format.time(text(entity.CreateDate)) }]}
        >
          <Button kind="primary" icon="plus" onClick={onCreate}>
            Create {kind.toLowerCase()}
          </Button>
        </NameTable>
      )}
    </Load>
  )
}

/** IAM deletes only what nothing hangs on; what does is taken off first. before: what only this kind has. */
export function askToDelete(kind: Kind, name: string, children: ComponentChildren, before?: () => Promise<void>): void {
  const of = { [`${kind}Name`]: name }
  confirmAction({
    title: `Delete the ${kind.toLowerCase()}?`,
    children,
    action: 'Delete',
    typed: name,
    run: async () => {
      await before?.()
      for (const policy of await iamRecords(`ListAttached${kind}Policies`, 'AttachedPolicies', of)) await iam(`Detach${kind}Policy`, { ...of, PolicyArn: text(policy.PolicyArn) })
      for (const policy of await iamAll(`List${kind}Policies`, 'PolicyNames', of)) await iam(`Delete${kind}Policy`, { ...of, PolicyName: text(policy) })
      await iam(`Delete${kind}`, of)
      goToEntity(kind)
      toast(`${format.visible(name)} is deleted`)
    },
  })
}

/** What one is; children: facts of its kind alone, as dt and dd. */
export function EntitySection({ kind, entity, actions, onDelete, onChange, children }: { kind: Kind; entity: Rec; actions?: ComponentChildren; onDelete: () => void; onChange: () => void; children?: ComponentChildren }) {
  return (
    <Section
      title={kind}
      action={
        <>
          {actions}
          <Button small kind="plain" icon="trash" onClick={onDelete}>
            Delete
          </Button>
        </>
      }
    >
      <dl class="facts">
        <dt>ARN</dt>
        <dd class="mono">{format.visible(text(entity.Arn))}</dd>
        <dt>Id</dt>
        <dd class="mono">{text(entity[`${kind}Id`])}</dd>
        {children}
        <dt>Created</dt>
        <dd>{format.time(text(entity.CreateDate))}</dd>
        {kind !== 'Group' && (
          <>
            <dt>Boundary</dt>
            <dd>
              <Boundary kind={kind} name={entityName(kind, entity)} arn={text(record(entity.PermissionsBoundary).PermissionsBoundaryArn)} onChange={onChange} />
            </dd>
          </>
        )}
      </dl>
    </Section>
  )
}

/** One of a kind, to choose from those that are not there already. */
function PickEntity({ title, kind, has, run, onClose }: { title: string; kind: Kind; has: string[]; run: (name: string) => Promise<void>; onClose: () => void }) {
  const all = useLoad((signal) => iamRecords(`List${kind}s`, `${kind}s`, {}, signal), [kind])
  const [name, setName] = useState('')
  return (
    <FormDialog title={title} action="Add" ready={name !== ''} onClose={onClose} run={() => run(name)}>
      <Load of={all} asked={{ action: `iam:List${kind}s` }}>
        {(list) => (
          <Select
            label={kind}
            value={name}
            onChange={setName}
            options={[
              { value: '', label: 'Choose…' },
              ...list.map((one) => entityName(kind, one)).filter((one) => !has.includes(one)).map((one) => ({ value: one, label: format.visible(one) })),
            ]}
          />
        )}
      </Load>
    </FormDialog>
  )
}

/** The groups of a user, or the users of a group: names with links, one more, one less. */
export function Belonging({ title, kind, of, asked, words, onChange }: {
  title: string
  kind: Kind
  of: Loaded<Rec[]>
  asked: Asked
  words: { add: string; remove: string; label: (name: string) => string; loses: (name: string) => string }
  onChange: (change: 'AddUserToGroup' | 'RemoveUserFromGroup', name: string) => Promise<void>
}) {
  const names = (of.value ?? []).map((one) => entityName(kind, one))
  const remove = (name: string) => confirmAction({ title: words.remove, children: words.loses(name), action: 'Remove', run: () => onChange('RemoveUserFromGroup', name) })
  const add = () => openDialog((close) => <PickEntity title={words.add} kind={kind} has={names} onClose={close} run={(name) => onChange('AddUserToGroup', name)} />)
  return (
    <Section title={title} action={<Button small icon="plus" onClick={add}>Add</Button>}>
      <Load of={of} asked={asked}>
        {() =>
          names.length === 0 ? (
            <p class="muted">None</p>
          ) : (
            <Table
              label={title}
              head={false}
              rows={names}
              keyOf={(name) => name}
              columns={[
                { label: 'Name', class: 'wrap', cell: (name) => <a href={entityHref(kind, name)}>{format.visible(name)}</a> },
                { label: '', cell: (name) => <Button small kind="plain" icon="close" label={words.label(format.visible(name))} onClick={() => remove(name)} /> },
              ]}
            />
          )
        }
      </Load>
    </Section>
  )
}
