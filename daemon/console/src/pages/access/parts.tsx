/* What the lists and details of users, groups, roles and policies share. */
import type { ComponentChildren } from 'preact'
import { useState } from 'preact/hooks'
import { href } from '../../router'
import { iam, members, text, list } from '../../s3/iam'
import { asApiError } from '../../s3/errors'
import type { Checked } from '../../editor'
import { Button, Empty, Field, format, FormDialog as PlainFormDialog, openDialog, Table, toastError, type Column, type FormDialogProps, type IconName } from '../../ui'

export type Tab = 'users' | 'groups' | 'roles' | 'policies' | 'simulate'

export function accessHref(tab: Tab, name?: string): string {
  return href('access', { tab, name })
}

const SHOWN = 200

/** A table with a filter over the names; a few hundred rows at a time, since accounts may have thousands. */
export function NameTable<T>({ label, rows, nameOf, linkOf, columns, empty, children }: {
  label: string
  rows: T[]
  nameOf: (row: T) => string
  linkOf: (row: T) => string
  columns: Column<T>[]
  empty: { icon: IconName; title: string }
  /** buttons beside the filter */
  children?: ComponentChildren
}) {
  const [filter, setFilter] = useState('')
  const [shown, setShown] = useState(SHOWN)
  const wanted = filter.trim().toLowerCase()
  const found = rows.filter((row) => nameOf(row).toLowerCase().includes(wanted)).sort((a, b) => nameOf(a).localeCompare(nameOf(b)))
  return (
    <>
      <div class="list-head">
        <input class="input" type="search" aria-label={`Filter ${label}`} placeholder="Filter by name" value={filter} onInput={(event) => setFilter(event.currentTarget.value)} />
        <span class="muted grow">{wanted ? `${format.count(found.length)} of ${format.plural(rows.length, 'entry', 'entries')}` : format.plural(rows.length, 'entry', 'entries')}</span>
        {children}
      </div>
      {found.length === 0 ? (
        <Empty icon={empty.icon} title={wanted ? 'Nothing has such a name' : empty.title} />
      ) : (
        <div class="card table-wrap">
          <Table
            label={label}
            rows={found.slice(0, shown)}
            keyOf={linkOf}
            columns={[{ label: 'Name', class: 'wrap', cell: (row) => <a href={linkOf(row)}>{format.visible(nameOf(row))}</a> }, ...columns.map((column) => ({ class: column.num ? '' : 'wrap', ...column }))]}
          />
        </div>
      )}
      {found.length > shown && (
        <div>
          <Button onClick={() => setShown(shown + SHOWN)}>Show {format.count(Math.min(SHOWN, found.length - shown))} more</Button>
        </div>
      )}
    </>
  )
}

export function Section({ title, action, wide, children }: { title: string; action?: ComponentChildren; wide?: boolean; children: ComponentChildren }) {
  return (
    <section class={`card ${wide ? 'wide' : ''}`} aria-label={title}>
      <div class="card-head">
        <h2>{title}</h2>
        {action}
      </div>
      <div class="card-body stack">{children}</div>
    </section>
  )
}

/** One whose secret may have been forgotten meanwhile. */
export function FormDialog(props: FormDialogProps) {
  return (
    <PlainFormDialog
      {...props}
      help={(error) =>
        asApiError(error).code === 'SecretNeeded' && (
          <div>
            <Button icon="key" onClick={() => void import('./unlock').then(({ askToUnlock }) => askToUnlock())}>
              Type the secret again
            </Button>
          </div>
        )
      }
    />
  )
}

/** Asks for one name and does something with it. */
export function askName(title: string, label: string, action: string, run: (name: string) => Promise<void>, hint?: string): void {
  openDialog((close) => <NameDialog {...{ title, label, action, run, hint }} onClose={close} />)
}

function NameDialog({ title, label, action, run, hint, onClose }: { title: string; label: string; action: string; run: (name: string) => Promise<void>; hint?: string; onClose: () => void }) {
  const [name, setName] = useState('')
  return (
    <FormDialog title={title} action={action} ready={name.trim() !== ''} run={() => run(name.trim())} onClose={onClose}>
      <Field label={label} value={name} onInput={setName} hint={hint} autofocus required />
    </FormDialog>
  )
}

/** What the server says of a policy of an identity, without keeping it. */
export async function checkIdentityPolicy(document: string, signal: AbortSignal): Promise<Checked> {
  try {
    const answer = await iam('SimulateCustomPolicy', { ...members('PolicyInputList', [document]), ...members('ActionNames', ['s3:ListAllMyBuckets']) }, signal)
    return { refusal: '', warnings: list(answer.Warnings).map((warning) => text(warning).replace(/^PolicyInputList\.1: /, '')) }
  } catch (thrown) {
    const error = asApiError(thrown)
    /* Who may not simulate learns it when the policy is saved. */
    return { refusal: error.code === 'InvalidInput' ? error.message.replace(/^PolicyInputList\.1: /, '') : '', warnings: [] }
  }
}

/** Runs what a button asks for outside of a dialog; what goes wrong is told. */
export function reported(run: () => Promise<void>): void {
  run().catch((thrown) => toastError(thrown))
}
