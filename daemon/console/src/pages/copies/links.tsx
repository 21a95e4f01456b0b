/* Linked buckets: buckets elsewhere under a read-only name here. */
import { useState } from 'preact/hooks'
import { href } from '../../router'
import { daemonJson } from '../../s3/fetch'
import { Badge, Button, Check, confirmAction, Empty, Field, format, Load, openDialog, Table, toast, useLoad } from '../../ui'
import { FormDialog } from '../access/parts'

interface Link {
  name: string
  source: string
  endpoint_url: string | null
  region: string | null
  access_key: string | null
  created_by: string
  created: string
  usable: boolean
}

const PATH = '/-/links'
const PAGES_MAX = 10

async function listLinks(signal: AbortSignal): Promise<Link[]> {
  const all: Link[] = []
  for (let page = 0; page < PAGES_MAX; page++) {
    const after = all.at(-1)?.name
    const { links, truncated } = await daemonJson<{ links: Link[]; truncated: boolean }>('GET', PATH, { query: { max: '100', ...(after ? { after } : {}) }, signal })
    all.push(...links)
    if (!truncated) break
  }
  return all
}

function AddLink({ onClose, onDone }: { onClose: () => void; onDone: () => void }) {
  const [link, setLink] = useState({ name: '', source: '', endpoint_url: '', region: '', access_key: '', secret_key: '' })
  const [keys, setKeys] = useState(false)
  const set = (part: Partial<typeof link>) => setLink({ ...link, ...part })
  const run = async () => {
    const given = Object.entries(link).map(([name, value]) => [name, value.trim()] as const)
    const sent = Object.fromEntries(given.filter(([name, value]) => value !== '' && (keys || !name.endsWith('_key'))))
    await daemonJson('POST', PATH, { body: JSON.stringify({ ...sent, source: link.source.trim().startsWith('s3://') ? link.source.trim() : `s3://${link.source.trim()}` }), headers: { 'content-type': 'application/json' } })
    onDone()
    toast('The link is made')
  }
  return (
    <FormDialog title="Link a bucket" action="Link" ready={link.name.trim() !== '' && link.source.trim() !== ''} run={run} onClose={onClose}>
      <Field label="Name here" value={link.name} onInput={(name) => set({ name })} mono autofocus required placeholder="public-data" hint="As a bucket's; clients read it under this name" />
      <Field label="Source" value={link.source} onInput={(source) => set({ source })} mono required placeholder="s3://bucket/prefix" />
      <div class="two">
        <Field label="Endpoint" type="url" value={link.endpoint_url} onInput={(endpoint_url) => set({ endpoint_url })} mono placeholder="Amazon S3" />
        <Field label="Region" value={link.region} onInput={(region) => set({ region })} mono placeholder="learnt" />
      </div>
      <Check label="The source asks for keys" hint="kept encrypted; everybody who may read the link reads with them" checked={keys} onChange={setKeys} />
      {keys && (
        <div class="two">
          <Field label="Access key" value={link.access_key} onInput={(access_key) => set({ access_key })} mono required />
          <Field label="Secret key" type="password" value={link.secret_key} onInput={(secret_key) => set({ secret_key })} mono required autocomplete="new-password" />
        </div>
      )}
    </FormDialog>
  )
}

export function Links() {
  const links = useLoad(listLinks, [])
  const add = () => openDialog((close) => <AddLink onClose={close} onDone={links.reload} />)
  const remove = (link: Link) =>
    confirmAction({
      title: 'Remove the link?',
      children: `${link.name} is no more a name here. Nothing happens to the bucket that it stands for.`,
      action: 'Remove',
      run: async () => {
        await daemonJson('DELETE', `${PATH}/${encodeURIComponent(link.name)}`)
        links.reload()
      },
    })
  return (
    <>
      <div class="row wrap">
        <p class="grow">A linked bucket is one elsewhere, read-only, under a name here: clients list, read and copy from it as from any bucket.</p>
        <Button kind="primary" icon="link" onClick={add}>
          Link a bucket
        </Button>
      </div>
      <Load of={links} asked={{ action: 'lakegate:ListLinks' }}>
        {(list) =>
          list.length === 0 ? (
            <Empty icon="link" title="No linked buckets" />
          ) : (
            <div class="card table-wrap">
              <Table
                label="Linked buckets"
                rows={list}
                keyOf={(link) => link.name}
                columns={[
                  {
                    label: 'Name here',
                    cell: (link) => [<a href={href('browse', { bucket: link.name })}>{format.visible(link.name)}</a>, ' ', !link.usable && <Badge tone="danger">not allowed now</Badge>],
                  },
                  {
                    label: 'Source',
                    class: 'wrap mono',
                    cell: (link) => [format.visible(link.source), <div class="muted">{format.visible([link.endpoint_url, link.region].filter(Boolean).join(', '))}</div>],
                  },
                  { label: 'Keys', class: 'mono', cell: (link) => (link.access_key ? format.visible(link.access_key) : 'none') },
                  { label: 'Made', class: 'nowrap', cell: (link) => format.time(link.created) },
                  { label: '', cell: (link) => <Button small kind="plain" icon="trash" label={`Remove ${link.name}`} onClick={() => remove(link)} /> },
                ]}
              />
            </div>
          )
        }
      </Load>
    </>
  )
}
