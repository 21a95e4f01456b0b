/* The list of uploads and tasks at the bottom of the page. */
import { useEffect, useState } from 'preact/hooks'
import { dockOpen } from '../dock-state'
import { folderOf, baseName } from '../pages/browse/names'
import { href } from '../router'
import { adviceFor, type ApiError } from '../s3/errors'
import { duplicateKey } from '../s3/objects'
import { dismissTask, tasks, type Task } from '../tasks'
import { Bar, Button, format, Icon, VirtualList } from '../ui'
import { visible } from '../ui/format'
import { cancelAll, cancelUpload, clearFinished, overwriteAll, overwriteUpload, pauseAll, pauseUpload, resumeAll, resumeUpload, retryFailed, totals, uploads, type Upload } from './manager'
import './dock.css'

const ROW_PX = 58

/** Bytes a second, of the last seconds. */
function useRate(sent: number, running: boolean): number {
  const [samples, setSamples] = useState<[number, number][]>([])
  useEffect(() => {
    if (!running) return setSamples([])
    const timer = window.setInterval(() => {
      const now = totals.peek().sent
      setSamples((before) => [...before, [performance.now(), now] as [number, number]].slice(-8))
    }, 500)
    return () => window.clearInterval(timer)
  }, [running])
  void sent
  const first = samples[0]
  const last = samples.at(-1)
  return first && last && last[0] > first[0] ? Math.max(0, ((last[1] - first[1]) / (last[0] - first[0])) * 1000) : 0
}

export function Dock() {
  const sum = totals.value
  const list = uploads.value
  const works = tasks.value
  const rate = useRate(sum.sent, sum.running)
  if (list.length === 0 && works.length === 0) return null
  const open = dockOpen.value
  const portion = sum.bytes > 0 ? sum.sent / sum.bytes : sum.done / Math.max(1, sum.count)
  return (
    <section class="dock" aria-label="Uploads and tasks">
      <div class="dock-head">
        <button type="button" class="dock-title" aria-expanded={open} onClick={() => (dockOpen.value = !open)}>
          <Icon name={open ? 'down' : 'up'} />
          <span class="grow">
            <strong>{list.length > 0 ? `Uploads: ${format.count(sum.done)} of ${format.count(sum.count)}` : format.plural(works.length, 'task')}</strong>
            {sum.failed > 0 && <span class="dock-bad"> · {format.count(sum.failed)} failed</span>}
            {sum.running && (
              <span class="muted">
                {' '}
                · {Math.floor(portion * 100)} % · {format.bytes(rate)}/s{rate > 0 ? ` · ${format.duration((sum.bytes - sum.sent) / rate)} left` : ''}
              </span>
            )}
          </span>
        </button>
        {list.length > 0 && sum.running && <Button small kind="plain" icon="pause" label="Pause all" onClick={pauseAll} />}
        {sum.paused && <Button small kind="plain" icon="play" label="Resume all" onClick={resumeAll} />}
        {!sum.running && !sum.paused && !works.some((task) => task.state.value === 'running') && (
          <Button
            small
            kind="plain"
            icon="close"
            label="Clear the list"
            onClick={() => {
              cancelAll()
              clearFinished()
              tasks.value = []
            }}
          />
        )}
      </div>
      {list.length > 0 && <Bar portion={portion} label="All uploads" danger={sum.failed > 0 && !sum.running} />}
      {open && (
        <div class="dock-body">
          {works.map((task) => (
            <TaskRow key={task.id} task={task} />
          ))}
          {(sum.asks > 1 || sum.failed > 1) && (
            <div class="row wrap dock-all">
              {sum.asks > 1 && (
                <Button small onClick={overwriteAll}>
                  Overwrite all {format.count(sum.asks)} that exist
                </Button>
              )}
              {sum.failed > 1 && (
                <Button small icon="reload" onClick={retryFailed}>
                  Retry all {format.count(sum.failed)}
                </Button>
              )}
            </div>
          )}
          {list.length > 0 && <VirtualList class="dock-list" label="Uploads" height={Math.min(list.length, 5.5) * ROW_PX} count={list.length} rowHeight={ROW_PX} rowKey={(index) => String(list[index]?.id)} row={(index) => <UploadRow upload={list[index] as Upload} />} />}
        </div>
      )}
    </section>
  )
}

/** What a refusal means, with a way to what it is about. */
export function Refusal({ error, bucket }: { error: ApiError; bucket: string }) {
  const duplicate = duplicateKey(error.details['x-lakegate-duplicate-of'] ?? '', bucket)
  if (error.code === 'DuplicateObject')
    return (
      <span>
        The zone {error.details.Zone} already has these bytes
        {duplicate ? (
          <>
            : <a href={href('browse', { bucket, prefix: folderOf(duplicate), key: duplicate })}>{visible(duplicate)}</a>
          </>
        ) : (
          '.'
        )}
      </span>
    )
  if (error.code === 'ObjectAlreadyExists') return <span>The zone {error.details.Zone} is write-once, and there is such an object. Upload it under another name.</span>
  if (error.code === 'QuotaExceeded') return <span>The zone {error.details.Zone} is full: {error.message}</span>
  return (
    <span title={error.message}>
      {error.message}. {adviceFor(error)}
    </span>
  )
}

function UploadRow({ upload }: { upload: Upload }) {
  const state = upload.state.value
  const error = upload.error.value
  const { size } = upload.file
  const name = visible(baseName(upload.key))
  const words: Record<string, string> = { waiting: 'waiting', paused: `paused at ${format.bytes(upload.sent.value)}`, done: 'done', running: upload.note.value || `${format.bytes(upload.sent.value)} of ${format.bytes(size)}` }
  return (
    <div class={`dock-row ${state}`} data-state={state} data-key={upload.key}>
      <div class="row">
        <Icon name={state === 'done' ? 'check' : state === 'failed' ? 'warn' : 'file'} />
        {state === 'done' ? (
          <a class="grow ellipsis" title={visible(upload.key)} href={href('browse', { bucket: upload.bucket, prefix: folderOf(upload.key), key: upload.key })}>
            {name}
          </a>
        ) : (
          <span class="grow ellipsis" title={visible(upload.key)}>
            {name}
          </span>
        )}
        {(state === 'running' || state === 'waiting') && <Button small kind="plain" icon="pause" label={`Pause ${name}`} onClick={() => pauseUpload(upload)} />}
        {state === 'paused' && <Button small kind="plain" icon="play" label={`Resume ${name}`} onClick={() => resumeUpload(upload)} />}
        {state === 'failed' && <Button small kind="plain" icon="reload" label={`Retry ${name}`} onClick={() => resumeUpload(upload)} />}
        {state !== 'done' && <Button small kind="plain" icon="close" label={`Cancel ${name}`} onClick={() => cancelUpload(upload)} />}
      </div>
      {state === 'exists' ? (
        <div class="row dock-note">
          <span class="grow">There is such an object.</span>
          <Button small kind="link" onClick={() => overwriteUpload(upload)}>
            Overwrite
          </Button>
          <Button small kind="link" onClick={() => cancelUpload(upload)}>
            Skip
          </Button>
        </div>
      ) : state === 'failed' && error ? (
        <div class="dock-note dock-bad" role="alert">
          <Refusal error={error} bucket={upload.bucket} />
        </div>
      ) : (
        <div class="row dock-note muted">
          {state === 'done' ? (
            <span class="ellipsis">
              {format.bytes(size)} in {visible(`${upload.bucket}/${folderOf(upload.key)}`)}
            </span>
          ) : (
            <Bar portion={size > 0 ? upload.sent.value / size : 0} label={`Upload of ${name}`} />
          )}
          {state !== 'done' && <span class="nowrap num">{words[state]}</span>}
        </div>
      )}
    </div>
  )
}

function TaskRow({ task }: { task: Task }) {
  const state = task.state.value
  const total = task.total.value
  const refused = task.refused.value
  return (
    <div class="dock-task" data-state={state}>
      <div class="row">
        <Icon name={state === 'done' ? 'check' : state === 'failed' ? 'warn' : 'flow'} />
        <span class="grow ellipsis" title={task.title}>
          {task.title}
        </span>
        {state === 'running' ? (
          <Button small kind="plain" icon="close" label={`Stop: ${task.title}`} onClick={task.cancel} />
        ) : (
          <Button small kind="plain" icon="close" label={`Dismiss: ${task.title}`} onClick={() => dismissTask(task.id)} />
        )}
      </div>
      {state === 'running' && total > 0 && <Bar portion={task.done.value / total} label={task.title} />}
      <div class="muted">
        {format.count(task.done.value)} of {format.count(total)}
        {state === 'done' && ' · done'}
        {state === 'cancelled' && ' · stopped'}
      </div>
      {task.error.value && state === 'failed' && <div class="dock-bad">{task.error.value}</div>}
      {refused.length > 0 && (
        <details>
          <summary class="dock-bad">{format.plural(refused.length, 'was refused', 'were refused')}</summary>
          <ul class="dock-refused">
            {refused.map((one) => (
              <li key={one.key} class="break">
                <span class="mono">{visible(one.key)}</span>: {one.code} – {one.message}
              </li>
            ))}
          </ul>
        </details>
      )}
    </div>
  )
}
