/* The form of a new job. Counting first starts a dry run and shows what it finds. */
import { useEffect, useRef, useState } from 'preact/hooks'
import { go } from '../../router'
import { listBuckets } from '../../s3/buckets'
import { Button, Check, ErrorView, Field, format, Note, Select, Spinner, useLoad } from '../../ui'
import { empty, formOf, newKey, splitSource, wantedOf, type Form, type Problems } from './form'
import { cancelJob, getJob, reasons, startJob, watchJob, type Job } from './jobs'

interface Part {
  form: Form
  problems: Problems
  set: (part: Partial<Form>) => void
}

function Source({ form, problems, set }: Part) {
  return (
    <fieldset class="card form-part">
      <legend class="h2">From</legend>
      <Select
        label="Where the source is"
        value={form.kind}
        onChange={(kind) => set({ kind: kind as Form['kind'], ...(kind === 'local' ? { signed: false } : {}) })}
        options={[
          { value: 'aws', label: 'Amazon S3, public data sets among them' },
          { value: 'other', label: 'Another S3 server' },
          { value: 'local', label: 'A bucket of this gateway: no bytes move' },
        ]}
      />
      <Field label="Source" value={form.source} onInput={(source) => set({ source })} problem={problems.source} mono required placeholder="s3://bucket/prefix/" hint="Every key that begins with the prefix" />
      {form.kind === 'other' && <Field label="Endpoint" type="url" value={form.endpoint} onInput={(endpoint) => set({ endpoint })} problem={problems.endpoint} mono placeholder="https://s3.example.org" hint="One that the server's settings allow (remote_endpoints)" />}
      {form.kind !== 'local' && (
        <>
          <Field label="Region" value={form.region} onInput={(region) => set({ region })} mono placeholder="learnt from the source" />
          <Check label="The source asks for keys" hint="used for this job only, kept encrypted until it ends" checked={form.signed} onChange={(signed) => set({ signed })} />
          {form.signed && (
            <div class="two">
              <Field label="Source's access key" value={form.accessKey} onInput={(accessKey) => set({ accessKey })} problem={problems.accessKey} mono required />
              <Field label="Source's secret key" type="password" value={form.secretKey} onInput={(secretKey) => set({ secretKey })} problem={problems.secretKey} mono required autocomplete="new-password" />
              <Field label="Source's session token" value={form.sessionToken} onInput={(sessionToken) => set({ sessionToken })} mono placeholder="of temporary keys" />
            </div>
          )}
        </>
      )}
    </fieldset>
  )
}

function Destination({ form, problems, set }: Part) {
  /* Who may not list buckets types the name. */
  const buckets = useLoad((signal) => listBuckets(signal).catch(() => []), [])
  const names = buckets.value?.map((bucket) => bucket.name)
  const source = splitSource(form.source)
  const shown = source && (source.prefix === '' || source.prefix.endsWith('/') ? `${source.prefix}a.csv` : `${source.prefix}/a.csv`)
  return (
    <fieldset class="card form-part">
      <legend class="h2">To</legend>
      {names === undefined || names.length > 0 ? (
        <Select label="Bucket" value={form.bucket} onChange={(bucket) => set({ bucket })} hint={problems.bucket} options={[{ value: '', label: 'Choose…' }, ...[...new Set([...(names ?? []), ...(form.bucket ? [form.bucket] : [])])].map((name) => ({ value: name, label: name }))]} />
      ) : (
        <Field label="Bucket" value={form.bucket} onInput={(bucket) => set({ bucket })} problem={problems.bucket} mono required />
      )}
      <Field label="Prefix" value={form.prefix} onInput={(prefix) => set({ prefix })} mono placeholder="raw/" hint="Put before each key, as it is" />
      {shown && form.bucket && (
        <p class="dense break">
          <code>{format.visible(shown)}</code> becomes <code>{format.visible(newKey(source.prefix, form.prefix, shown))}</code>
        </p>
      )}
      <Select
        label="What to do with what is there"
        value={form.exists}
        onChange={(exists) => set({ exists: exists as Form['exists'] })}
        options={[
          { value: 'skip', label: 'Skip what is the same, overwrite what is not' },
          { value: 'overwrite', label: 'Overwrite it' },
          { value: 'fail', label: 'Leave it, and count it as failed' },
        ]}
      />
    </fieldset>
  )
}

function Filters({ form, problems, set }: Part) {
  return (
    <details class="card form-part" open={Boolean(form.include || form.exclude || form.minBytes || form.maxBytes || form.since)}>
      <summary class="h2">Which objects</summary>
      <div class="two">
        <Field label="Include" multiline rows={3} value={form.include} onInput={(include) => set({ include })} placeholder="*.csv" hint="A pattern a line; * is any run, / too" />
        <Field label="Exclude" multiline rows={3} value={form.exclude} onInput={(exclude) => set({ exclude })} placeholder="*/tmp/*" />
        <Field label="At least" value={form.minBytes} onInput={(minBytes) => set({ minBytes })} problem={problems.minBytes} placeholder="1 B" />
        <Field label="At most" value={form.maxBytes} onInput={(maxBytes) => set({ maxBytes })} problem={problems.maxBytes} placeholder="any size" />
        <Field label="Modified since" type="date" value={form.since} onInput={(since) => set({ since })} problem={problems.since} />
      </div>
    </details>
  )
}

function Limits({ form, problems, set }: Part) {
  return (
    <details class="card form-part" open={Boolean(form.atOnce || form.rate || form.totalBytes || form.totalObjects)}>
      <summary class="h2">Limits</summary>
      <div class="two">
        <Field label="Objects at once" value={form.atOnce} onInput={(atOnce) => set({ atOnce })} problem={problems.atOnce} placeholder="64" />
        <Field label="Bytes a second" value={form.rate} onInput={(rate) => set({ rate })} problem={problems.rate} placeholder="no limit" hint="10 MiB, for example" />
        <Field label="Bytes in all" value={form.totalBytes} onInput={(totalBytes) => set({ totalBytes })} problem={problems.totalBytes} placeholder="no limit" />
        <Field label="Objects in all" value={form.totalObjects} onInput={(totalObjects) => set({ totalObjects })} problem={problems.totalObjects} placeholder="no limit" />
      </div>
    </details>
  )
}

/** What a dry run has counted so far. */
function DryRun({ id, onAgain }: { id: string; onAgain: () => void }) {
  const [job, setJob] = useState<Job | null>(null)
  const [error, setError] = useState<unknown>(null)
  useEffect(() => {
    const controller = new AbortController()
    watchJob(id, controller.signal, setJob).catch((thrown) => !controller.signal.aborted && setError(thrown))
    return () => controller.abort()
  }, [id])
  if (error !== null) return <ErrorView error={error} onRetry={onAgain} title="The count broke off" />
  if (!job) return <Spinner label="Counting" />
  const { progress } = job
  const counting = job.state === 'queued' || job.state === 'running'
  if (job.state === 'failed' || job.state === 'paused')
    return (
      <Note tone="danger" role="alert">
        <strong>The source could not be counted: {job.reason}</strong>
        <span>{reasons[job.reason ?? ''] ?? ''}</span>
        {job.message && <span>{format.visible(job.message)}</span>}
      </Note>
    )
  return (
    <Note tone={counting ? 'info' : 'ok'} role="status">
      <strong data-testid="dry-run">
        {format.plural(progress.copied_objects, 'object')}, {format.bytes(progress.copied_bytes)}, would be copied{counting ? ' – still counting' : ''}
      </strong>
      <span>
        {format.count(progress.listed_objects)} looked at, {format.count(progress.skipped_objects)} are there already, {format.count(progress.filtered_objects)} filtered out
        {progress.duplicate_objects > 0 ? `, ${format.count(progress.duplicate_objects)} duplicates` : ''}
        {progress.failed_objects > 0 ? `, ${format.count(progress.failed_objects)} would fail` : ''}
        {job.limit_reached ? '; the limit was reached' : ''}.
      </span>
    </Note>
  )
}

export function NewJob({ params }: { params: Record<string, string> }) {
  const [form, setForm] = useState<Form>({ ...empty, bucket: params.bucket ?? '', prefix: params.prefix ?? '' })
  const [checked, setChecked] = useState(false)
  const [dryRun, setDryRun] = useState('')
  const [busy, setBusy] = useState<'count' | 'copy' | ''>('')
  const [error, setError] = useState<unknown>(null)
  useEffect(() => {
    if (params.again) getJob(params.again).then((job) => setForm(formOf(job)), setError)
  }, [params.again])
  /* Leaving the form ends a count that still runs, and takes one that has ended off the list. */
  const counted = useRef('')
  counted.current = dryRun
  useEffect(() => () => void (counted.current && cancelJob(counted.current).catch(() => undefined)), [])
  const { problems } = wantedOf(form, false)
  const part: Part = { form, problems: checked ? problems : {}, set: (change) => setForm((before) => ({ ...before, ...change })) }
  const send = async (count: boolean) => {
    setChecked(true)
    setError(null)
    const { wanted, problems: wrong } = wantedOf(form, count)
    if (Object.keys(wrong).length > 0) return
    setBusy(count ? 'count' : 'copy')
    try {
      if (dryRun) await cancelJob(dryRun).catch(() => undefined)
      setDryRun('')
      const job = await startJob(wanted)
      if (count) setDryRun(job.id)
      else go('copies', { id: job.id })
    } catch (thrown) {
      setError(thrown)
    }
    setBusy('')
  }
  return (
    <form
      class="stack"
      noValidate
      onSubmit={(event) => {
        event.preventDefault()
        void send(false)
      }}
    >
      <div class="detail">
        <Source {...part} />
        <Destination {...part} />
        <Filters {...part} />
        <Limits {...part} />
      </div>
      {error !== null && <ErrorView error={error} asked={{ action: 'lakegate:CreateCopyJob', resource: form.bucket || '*' }} />}
      {dryRun && <DryRun key={dryRun} id={dryRun} onAgain={() => void send(true)} />}
      <div class="row wrap">
        <Button icon="search" busy={busy === 'count'} onClick={() => void send(true)}>
          Count first
        </Button>
        <Button type="submit" kind="primary" icon="cloud" busy={busy === 'copy'}>
          Start copying
        </Button>
      </div>
    </form>
  )
}
