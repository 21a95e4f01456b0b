/* Access keys of a user: the secret is shown once, when it is made. */
import { iam, iamRecords, record, text, type Rec } from '../../s3/iam'
import { Badge, Button, confirmAction, CopyField, Dialog, format, Load, Menu, Note, openDialog, Table, toast, useLoad } from '../../ui'
import { reported, Section } from './parts'

function SecretOnce({ made, onClose }: { made: Rec; onClose: () => void }) {
  return (
    <Dialog title="The new access key" onClose={onClose} foot={<Button kind="primary" onClick={onClose}>I have stored it</Button>}>
      <Note tone="warn">The secret is shown this once. Store it now: it cannot be read again, only replaced by another key.</Note>
      <CopyField label="Access key" value={text(made.AccessKeyId)} />
      <CopyField label="Secret key" value={text(made.SecretAccessKey)} />
    </Dialog>
  )
}

const never = (used: Rec) => (text(used.LastUsedDate) ? `${format.time(text(used.LastUsedDate))}, ${text(used.ServiceName)}` : 'never')

export function AccessKeys({ user }: { user: string }) {
  const keys = useLoad(async (signal) => {
    const all = await iamRecords('ListAccessKeys', 'AccessKeyMetadata', { UserName: user }, signal)
    const used = await Promise.all(all.map((key) => iam('GetAccessKeyLastUsed', { AccessKeyId: text(key.AccessKeyId) }, signal).then((answer) => never(record(answer.AccessKeyLastUsed)), () => '')))
    return all.map((key, index) => ({ id: text(key.AccessKeyId), active: text(key.Status) === 'Active', created: text(key.CreateDate), used: used[index] ?? '' }))
  }, [user])
  const create = async () => {
    const made = record((await iam('CreateAccessKey', { UserName: user })).AccessKey)
    openDialog((close) => <SecretOnce made={made} onClose={close} />)
    keys.reload()
  }
  const setActive = async (id: string, active: boolean) => {
    await iam('UpdateAccessKey', { UserName: user, AccessKeyId: id, Status: active ? 'Active' : 'Inactive' })
    toast(active ? 'The key works again' : 'The key is refused from the next request on')
    keys.reload()
  }
  const remove = (id: string) =>
    confirmAction({
      title: 'Delete the access key?',
      children: `${id} and every session and link that was signed with it stop working. This cannot be undone.`,
      action: 'Delete',
      run: async () => {
        await iam('DeleteAccessKey', { UserName: user, AccessKeyId: id })
        keys.reload()
      },
    })
  return (
    <Section title="Access keys" action={<Button small icon="plus" onClick={() => reported(create)}>Create key</Button>}>
      <Load of={keys} asked={{ action: 'iam:ListAccessKeys' }}>
        {(list) =>
          list.length === 0 ? (
            <p class="muted">None. A user has two at most, so that one can replace the other.</p>
          ) : (
            <div class="table-wrap">
              <Table
                label="Access keys"
                rows={list}
                keyOf={(key) => key.id}
                columns={[
                  { label: 'Key', class: 'mono', cell: (key) => key.id },
                  { label: 'State', cell: (key) => (key.active ? <Badge tone="ok">active</Badge> : <Badge>inactive</Badge>) },
                  { label: 'Last used', class: 'nowrap', cell: (key) => key.used },
                  {
                    label: '',
                    cell: (key) => (
                      <Menu
                        small
                        label={`Actions on ${key.id}`}
                        entries={[
                          { label: key.active ? 'Deactivate' : 'Activate', icon: key.active ? 'pause' : 'play', run: () => reported(() => setActive(key.id, !key.active)) },
                          { label: 'Delete', icon: 'trash', danger: true, run: () => remove(key.id) },
                        ]}
                      />
                    ),
                  },
                ]}
              />
            </div>
          )
        }
      </Load>
    </Section>
  )
}
