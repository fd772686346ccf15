import { Backoff } from '../backoff.ts'
import type { LoadRequest } from '../contract.ts'
import type { TailraceError } from '../errors.ts'
import { Rate } from '../lag.ts'
import { type Load, unread } from './load.ts'

/** A whole table that is to be read beside the stream. */
export interface Job extends Load {
  /** `accepted`: not yet durable. */
  state: 'accepted' | 'queued' | 'running' | 'resting' | 'failed'
  error: TailraceError | undefined
  readonly rate: Rate
  readonly backoff: Backoff
  cancel: AbortController
  ended: Promise<void>
  timer: NodeJS.Timeout | undefined
}

/** It sweeps also where what is left of it did. */
export function acceptedJob(wanted: LoadRequest): Job {
  const request = wanted.resume?.pass === undefined ? wanted : { ...wanted, sweep: true }
  return {
    request,
    progress: request.resume ?? unread(request),
    state: 'accepted',
    error: undefined,
    rate: new Rate(),
    backoff: new Backoff(),
    cancel: new AbortController(),
    ended: Promise.resolve(),
    timer: undefined,
  }
}

/** The job does nothing any more when it resolves. */
export async function endJob(job: Job): Promise<void> {
  clearTimeout(job.timer)
  job.state = 'accepted'
  job.cancel.abort(new Error('the load begins anew'))
  await job.ended
}

/** Notes how fast the job gets on, and that its error is over. */
export function told(job: Job, tell: () => void): Load {
  return {
    request: job.request,
    get progress() {
      return job.progress
    },
    set progress(progress) {
      job.progress = progress
      job.error = undefined
      job.rate.add(progress.rows)
      tell()
    },
  }
}
