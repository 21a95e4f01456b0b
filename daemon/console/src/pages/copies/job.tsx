/* One job: its progress as it goes, a chart of its rate, what failed, and what can be done about it. */
import { Fragment } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'
import { TimeChart, type Data } from '../../charts'
import { go, href } from '../../router'
import { Badge, Bar, Button, confirmAction, ErrorView, Field, format, LinkButton, Load, Note, openDialog, Spinner, toast, toastError, useLoad, type Tone } from '../../ui'
import { FormDialog } from '../access/parts'
import { cancelJob, controlJob, isActive, listFailures, place, portionOf, reasons, watchJob, type Credentials, type Failure, type Job } from './jobs'

const tones: Record<Job['state'], Tone | undefined> = { queued: undefined, running: 'info', paused: 'warn', done: 'ok', failed: 'danger', canceled: undefined }

export function StateBadge({ job }: { job: Job }) {
  return <Badge tone={job.state === 'done' && job.progress.failed_objects > 0 ? 'warn' : tones[job.state]}>{job.state}</Badge>
}

export function rate(perSecond: number): string {
  return `${format.bytes(perSecond)}/s`
}

/** Rates by job while the page is open, so that coming back to a job shows what was seen before. */
const seen = new Map<string, Data>()
const POINTS_MAX = 3600
const JOBS_KEPT = 20

function note(job: Job): Data {
  const now = Date.now() / 1000
  const before = seen.get(job.id) ?? { times: [], lines: [{ label: 'Bytes a second', colour: '--accent', values: [] }] }
  const values = before.lines[0]?.values ?? []
  const last = before.times.at(-1)
  if (last !== undefined && now - last < 0.5) return before
  const data: Data = {
    times: [...before.times, now].slice(-POINTS_MAX),
    lines: [{ label: 'Bytes a second', colour: '--accent', values: [...values, job.state === 'running' ? job.progress.bytes_per_second : 0].slice(-POINTS_MAX) }],
  }
  seen.delete(job.id)
  seen.set(job.id, data)
  if (seen.size > JOBS_KEPT) seen.delete(seen.keys().next().value as string)
  return data
}

function useJob(id: string): { job: Job | null; data: Data | null; error: unknown; again: () => void } {
  const [job, setJob] = useState<Job | null>(null)
  const [data, setData] = useState<Data | null>(null)
  const [error, setError] = useState<unknown>(null)
  const [turn, setTurn] = useState(0)
  useEffect(() => {
    const controller = new AbortController()
    setError(null)
    watchJob(id, controller.signal, (next) => {
      setJob(next)
      if (isActive(next) || seen.has(id)) setData(note(next))
    }).catch((thrown) => !controller.signal.aborted && setError(thrown))
    return () => controller.abort()
  }, [id, turn])
  return { job, data, error, again: () => setTurn((before) => before + 1) }
}

/** A job that is done has forgotten the source's keys: to try again it needs them again. */
function KeysDialog({ job, onClose, onDone }: { job: Job; onClose: () => void; onDone: () => void }) {
  const [keys, setKeys] = useState<Credentials>({ access_key: '', secret_key: '' })
  return (
    <FormDialog
      title="Keys of the source"
      action="Try again"
      ready={keys.access_key.trim() !== '' && keys.secret_key.trim() !== ''}
      onClose={onClose}
      run={async () => {
        await controlJob(job.id, 'retry', { access_key: keys.access_key.trim(), secret_key: keys.secret_key.trim(), ...(keys.session_token?.trim() ? { session_token: keys.session_token.trim() } : {}) })
        onDone()
      }}
    >
      <p>The keys went when the job ended. They are used for this job alone.</p>
      <Field label="Access key" value={keys.access_key} onInput={(access_key) => setKeys({ ...keys, access_key })} mono required autofocus />
      <Field label="Secret key" type="password" value={keys.secret_key} onInput={(secret_key) => setKeys({ ...keys, secret_key })} mono required autocomplete="new-password" />
      <Field label="Session token" value={keys.session_token ?? ''} onInput={(session_token) => setKeys({ ...keys, session_token })} mono />
    </FormDialog>
  )
}

function Actions({ job, again }: { job: Job; again: () => void }) {
  const [busy, setBusy] = useState(false)
  const run = async (verb: 'pause' | 'resume' | 'retry') => {
    setBusy(true)
    try {
      await controlJob(job.id, verb)
      again()
    } catch (thrown) {
      toastError(thrown)
    }
    setBusy(false)
  }
  const retry = () => {
    const needsKeys = !job.source.anonymous && job.source.endpoint !== 'local'
    if (needsKeys) openDialog((close) => <KeysDialog job={job} onClose={close} onDone={again} />)
    else void run('retry')
  }
  const cancel = () =>
    confirmAction({
      title: 'Cancel the job?',
      children: 'What was copied stays. The rest is not copied.',
      action: 'Cancel the job',
      run: async () => {
        await cancelJob(job.id)
        again()
      },
    })
  const remove = () =>
    confirmAction({
      title: 'Take it off the list?',
      children: 'The job and its list of failures are forgotten. What was copied stays.',
      action: 'Take off',
      run: async () => {
        await cancelJob(job.id)
        go('copies')
        toast('It is off the list')
      },
    })
  const ended = !isActive(job)
  const mayRetry = job.state === 'failed' || (job.state === 'done' && job.progress.failed_objects > 0)
  return (
    <span class="row wrap">
      {(job.state === 'running' || job.state === 'queued') && (
        <Button icon="pause" busy={busy} onClick={() => void run('pause')}>
          Pause
        </Button>
      )}
      {job.state === 'paused' && (
        <Button kind="primary" icon="play" busy={busy} onClick={() => void run('resume')}>
          Resume
        </Button>
      )}
      {mayRetry && (
        <Button kind="primary" icon="reload" busy={busy} onClick={retry}>
          {job.state === 'failed' ? 'Try again' : 'Try the failed again'}
        </Button>
      )}
      {ended && (
        <LinkButton icon="copy" href={href('copies', { new: '1', again: job.id })}>
          Another like it
        </LinkButton>
      )}
      {ended ? (
        <Button icon="trash" onClick={remove}>
          Take off the list
        </Button>
      ) : (
        <Button icon="close" onClick={cancel}>
          Cancel
        </Button>
      )}
    </span>
  )
}

function Why({ job }: { job: Job }) {
  if (!job.reason) return null
  return (
    <Note tone={job.state === 'failed' ? 'danger' : 'warn'} role="status">
      <strong>{job.reason}</strong>
      {reasons[job.reason] && <span>{reasons[job.reason]}</span>}
      {job.message && <span>{format.visible(job.message)}</span>}
    </Note>
  )
}

export function Progress({ job }: { job: Job }) {
  const { progress, total } = job
  const portion = portionOf(job)
  const settled = progress.copied_objects + progress.skipped_objects + progress.duplicate_objects + progress.failed_objects
  const of = total.complete ? `of ${format.count(total.objects)}` : total.objects > 0 ? `of more than ${format.count(total.objects)}` : ''
  return (
    <div class="stack" data-testid="progress">
      <div class="row wrap progress-words">
        <strong>
          {format.count(settled)} {of} objects
        </strong>
        <span>{format.bytes(progress.copied_bytes)}{total.bytes > 0 ? ` of ${format.bytes(total.bytes)}` : ''}</span>
        {job.state === 'running' && <span>{rate(progress.bytes_per_second)}</span>}
        {job.state === 'running' && <span>{format.count(progress.objects_per_second)} objects/s</span>}
        {job.state === 'running' && progress.seconds_left !== null && <span class="muted">{format.duration(progress.seconds_left)} left</span>}
      </div>
      <Bar portion={portion ?? 0} danger={job.state === 'failed'} label="Progress of the copy" />
    </div>
  )
}

function Facts({ job }: { job: Job }) {
  const { progress } = job
  const took = job.started ? (Date.parse(job.finished ?? '') || Date.now()) - Date.parse(job.started) : 0
  const verified = [
    [progress.verified.checksum, 'by checksum'],
    [progress.verified.md5, 'by MD5'],
    [progress.verified.etag, 'by rebuilt ETag'],
    [progress.verified.none, 'by length only'],
  ].filter(([count]) => Number(count) > 0)
  const rows: [string, string][] = [
    [job.dry_run ? 'Would be copied' : 'Copied', `${format.count(progress.copied_objects)}, ${format.bytes(progress.copied_bytes)}`],
    ['There already', `${format.count(progress.skipped_objects)}, ${format.bytes(progress.skipped_bytes)}`],
    ['Filtered out', format.count(progress.filtered_objects)],
    ['Duplicates', format.count(progress.duplicate_objects)],
    ['Failed', format.count(progress.failed_objects)],
    ['Under way', format.count(progress.in_flight_objects)],
    ['Received', `${format.bytes(progress.received_bytes)}, ${format.plural(progress.retries, 'retry', 'retries')}`],
    ['Verified', verified.map(([count, how]) => `${format.count(Number(count))} ${how}`).join(', ') || '–'],
  ]
  const about: [string, string][] = [
    ['Made by', job.created_by],
    ['Made', format.time(job.created)],
    ['Took', took > 0 ? format.duration(took / 1000) : '–'],
    ['Source', `${job.source.endpoint === 'local' ? 'this gateway' : (job.source.endpoint ?? 'Amazon S3')}${job.source.region ? `, ${job.source.region}` : ''}${job.source.anonymous && job.source.endpoint !== 'local' ? ', without keys' : ''}`],
    ['What is there', { skip: 'skipped when it is the same', overwrite: 'overwritten', fail: 'left, counted as failed' }[job.exists]],
    ['Filters', [...job.filters.include.map((glob) => `+${glob}`), ...job.filters.exclude.map((glob) => `−${glob}`), job.filters.min_bytes ? `≥ ${format.bytes(job.filters.min_bytes)}` : '', job.filters.max_bytes ? `≤ ${format.bytes(job.filters.max_bytes)}` : '', job.filters.modified_since ? `since ${format.time(job.filters.modified_since)}` : ''].filter(Boolean).join('  ') || 'none'],
  ]
  return (
    <div class="detail">
      {[rows, about].map((part, index) => (
        <section key={index} class="card" aria-label={index === 0 ? 'Figures' : 'The job'}>
          <dl class="facts card-body">
            {part.map(([name, value]) => (
              <Fragment key={name}>
                <dt>{name}</dt>
                <dd>{format.visible(value)}</dd>
              </Fragment>
            ))}
          </dl>
        </section>
      ))}
    </div>
  )
}

function Failures({ job }: { job: Job }) {
  const [after, setAfter] = useState(0)
  const shown = useRef<Failure[]>([])
  const page = useLoad(
    async (signal) => {
      const answer = await listFailures(job.id, after, signal)
      shown.current = [...shown.current.filter((failure) => failure.n <= after), ...answer.failures]
      return { failures: shown.current, truncated: answer.truncated }
    },
    /* A failure is counted before it is on the list: the end of the job settles it. */
    [job.id, job.progress.failed_objects, job.state, after],
  )
  return (
    <section class="stack" aria-label="Failures">
      <h2>What failed</h2>
      <Load of={page} asked={{ action: 'lakegate:GetCopyJob', resource: job.destination.bucket }}>
        {({ failures, truncated }) => (
          <>
            <div class="card table-wrap" tabIndex={0} role="region" aria-label="Table of failures">
              <table class="table" aria-label="Failures">
                <thead>
                  <tr>
                    <th>Key</th>
                    <th>Why</th>
                    <th class="num">Size</th>
                    <th class="num">Tries</th>
                  </tr>
                </thead>
                <tbody>
                  {failures.map((failure) => (
                    <tr key={failure.n}>
                      <td class="wrap mono">{format.visible(failure.key)}</td>
                      <td class="wrap">
                        <strong>{format.visible(failure.reason)}</strong> {reasons[failure.reason] ?? ''} <span class="muted">{format.visible(failure.message ?? '')}</span>
                      </td>
                      <td class="num nowrap">{format.bytes(failure.bytes)}</td>
                      <td class="num">{failure.tries}</td>
                    </tr>
                  ))}
                </tbody>
              </table>
            </div>
            {truncated && (
              <div>
                <Button onClick={() => setAfter(failures.at(-1)?.n ?? 0)}>Show more</Button>
              </div>
            )}
          </>
        )}
      </Load>
      {job.warnings.failures_not_listed > 0 && <p class="muted">{format.plural(job.warnings.failures_not_listed, 'further failure is', 'further failures are')} counted and not listed; trying again goes over everything.</p>}
    </section>
  )
}

export function JobPage({ id }: { id: string }) {
  const { job, data, error, again } = useJob(id)
  if (error !== null) return <ErrorView error={error} asked={{ action: 'lakegate:GetCopyJob' }} onRetry={again} />
  if (!job)
    return (
      <div class="page-wait">
        <Spinner />
      </div>
    )
  return (
    <>
      <div class="page-head">
        <div class="crumbs">
          <a href={href('copies')}>Bulk copy</a>
          <span class="muted">/</span>
          <h1 class="break">{format.visible(place(job.source.bucket, job.source.prefix))}</h1>
          <span class="muted">to</span>
          <a href={href('browse', { bucket: job.destination.bucket, prefix: job.destination.prefix.slice(0, job.destination.prefix.lastIndexOf('/') + 1) })}>{format.visible(place(job.destination.bucket, job.destination.prefix))}</a>
          <StateBadge job={job} />
          {job.dry_run && <Badge>dry run</Badge>}
        </div>
        <Actions job={job} again={again} />
      </div>
      <Why job={job} />
      <section class="card" aria-label="Progress">
        <div class="card-body stack">
          <Progress job={job} />
          {data && data.times.length > 1 && <TimeChart label="Rate of the copy" data={data} unit={rate} bytes height={140} />}
        </div>
      </section>
      {job.limit_reached && <Note>The job came to its limit; more lies at the source.</Note>}
      {job.warnings.tags_left_out > 0 && <Note tone="warn">{format.plural(job.warnings.tags_left_out, 'object has', 'objects have')} tags at the source that could not be copied.</Note>}
      <Facts job={job} />
      {job.progress.failed_objects > 0 && <Failures job={job} />}
    </>
  )
}
