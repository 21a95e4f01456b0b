/* All jobs: those that run, and what was. */
import { useEffect, useRef, useState } from 'preact/hooks'
import { href } from '../../router'
import { Badge, Bar, Button, Empty, ErrorView, format, LinkButton, Spinner } from '../../ui'
import { StateBadge, rate } from './job'
import { isActive, listJobs, place, portionOf, reasons, type Job } from './jobs'

const BUSY_MS = 2000
const IDLE_MS = 15_000

/** The first page again and again; older ones as they were read. */
function useJobs() {
  const [jobs, setJobs] = useState<Job[] | null>(null)
  const [more, setMore] = useState(false)
  const [error, setError] = useState<unknown>(null)
  const [turn, setTurn] = useState(0)
  const older = useRef<Job[]>([])
  useEffect(() => {
    const controller = new AbortController()
    let timer: number | undefined
    const ask = async () => {
      try {
        const { copies, truncated } = await listJobs('', controller.signal)
        const ids = new Set(copies.map((job) => job.id))
        setJobs([...copies, ...older.current.filter((job) => !ids.has(job.id))])
        setMore((before) => (older.current.length > 0 ? before : truncated))
        setError(null)
        timer = window.setTimeout(() => void ask(), copies.some(isActive) ? BUSY_MS : IDLE_MS)
      } catch (thrown) {
        if (!controller.signal.aborted) setError(thrown)
      }
    }
    void ask()
    return () => {
      controller.abort()
      window.clearTimeout(timer)
    }
  }, [turn])
  const showMore = async () => {
    const { copies, truncated } = await listJobs(jobs?.at(-1)?.id ?? '')
    older.current = [...older.current, ...copies]
    setJobs([...(jobs ?? []), ...copies])
    setMore(truncated)
  }
  return { jobs, more, error, again: () => setTurn((before) => before + 1), showMore }
}

function Row({ job }: { job: Job }) {
  const portion = portionOf(job)
  const { progress } = job
  return (
    <tr>
      <td class="wrap">
        <a href={href('copies', { id: job.id })}>{format.visible(place(job.source.bucket, job.source.prefix))}</a>
        <div class="muted dense">to {format.visible(place(job.destination.bucket, job.destination.prefix))}</div>
      </td>
      <td>
        <StateBadge job={job} /> {job.dry_run && <Badge>dry run</Badge>}
      </td>
      <td class="job-bar">
        {isActive(job) ? <Bar portion={portion ?? 0} label={`Progress of ${job.id}`} /> : null}
        <span class="dense muted">{job.state === 'running' ? `${rate(progress.bytes_per_second)}${progress.seconds_left !== null ? `, ${format.duration(progress.seconds_left)} left` : ''}` : (reasons[job.reason ?? ''] ?? job.reason ?? '')}</span>
      </td>
      <td class="num">{format.count(progress.copied_objects)}</td>
      <td class="num nowrap">{format.bytes(progress.copied_bytes)}</td>
      <td class="num">{progress.failed_objects > 0 ? <Badge tone="danger">{format.count(progress.failed_objects)}</Badge> : '0'}</td>
      <td class="nowrap">{format.time(job.created)}</td>
    </tr>
  )
}

export function Jobs() {
  const { jobs, more, error, again, showMore } = useJobs()
  if (error !== null) return <ErrorView error={error} asked={{ action: 'lakegate:ListCopyJobs' }} onRetry={again} />
  if (!jobs)
    return (
      <div class="page-wait">
        <Spinner />
      </div>
    )
  if (jobs.length === 0)
    return (
      <Empty icon="cloud" title="Nothing was copied yet">
        <p>A job copies a public data set, or any bucket that you have keys for, into a bucket here. It goes on when you close the browser.</p>
        <LinkButton kind="primary" icon="plus" href={href('copies', { new: '1' })}>
          New copy
        </LinkButton>
      </Empty>
    )
  return (
    <>
      <div class="card table-wrap">
        <table class="table" aria-label="Copy jobs">
          <thead>
            <tr>
              <th>What</th>
              <th>State</th>
              <th>Progress</th>
              <th class="num">Copied</th>
              <th class="num">Bytes</th>
              <th class="num">Failed</th>
              <th>Made</th>
            </tr>
          </thead>
          <tbody>
            {jobs.map((job) => (
              <Row key={job.id} job={job} />
            ))}
          </tbody>
        </table>
      </div>
      {more && (
        <div>
          <Button onClick={() => void showMore()}>Show more</Button>
        </div>
      )}
    </>
  )
}
