import { once } from 'node:events'
import { extname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import type { Erased, EraseJob } from '../forget/erase.ts'
import { type FailedError, failure, packFailure } from '../key-index/messages.ts'
import { LiveOffsets } from './live-offsets.ts'
import type { RewriteJob, Rewritten } from './rewrite.ts'

/** `.ts` from a checkout, `.js` from the package: as this file itself. */
const THREAD = new URL(`./thread${extname(fileURLToPath(import.meta.url))}`, import.meta.url)

/** What the thread is to do. */
export type Work =
  | { readonly kind: 'rewrite'; readonly job: RewriteJob }
  | { readonly kind: 'erase'; readonly job: EraseJob }

export type FromWorker<Result> =
  | { readonly kind: 'result'; readonly result: Result }
  | { readonly kind: 'done' }
  | { readonly kind: 'failed'; readonly error: FailedError }

/** In a thread of its own, which rests half of the time. What it has begun when it is ended stays in the folder. */
export function rewriteInThread(job: RewriteJob, signal: AbortSignal): AsyncGenerator<Rewritten> {
  return inThread({ kind: 'rewrite', job }, [job.liveness.offsets.bits.buffer], signal)
}

/** The same. */
export function eraseInThread(job: EraseJob, signal: AbortSignal): AsyncGenerator<Erased> {
  return inThread({ kind: 'erase', job }, [], signal)
}

async function* inThread<Result>(work: Work, transfer: ArrayBuffer[], signal: AbortSignal): AsyncGenerator<Result> {
  const thread = new Worker(THREAD, { workerData: work, transferList: transfer, name: 'log compaction' })
  const ended = once(thread, 'exit')
  const messages: FromWorker<Result>[] = []
  let wake = Promise.withResolvers<void>()
  const say = (message: FromWorker<Result>): void => {
    messages.push(message)
    wake.resolve()
  }
  const end = (): void => say({ kind: 'failed', error: packFailure(signal.reason) })
  thread.on('message', say)
  thread.on('error', error => say({ kind: 'failed', error: packFailure(error) }))
  thread.on('exit', () => say({ kind: 'failed', error: packFailure(new Error('the thread of the compaction ended')) }))
  signal.addEventListener('abort', end)
  if (signal.aborted) end()
  try {
    for (;;) {
      await wake.promise
      wake = Promise.withResolvers()
      for (let message = messages.shift(); message !== undefined; message = messages.shift()) {
        signal.throwIfAborted()
        if (message.kind === 'failed') throw failure(message.error)
        if (message.kind === 'done') {
          await ended
          return
        }
        yield message.result
      }
    }
  } finally {
    signal.removeEventListener('abort', end)
    await thread.terminate()
  }
}

/** As a message brings it: without methods. */
export function receivedJob(job: RewriteJob): RewriteJob {
  const { from, to, bits } = job.liveness.offsets
  return { ...job, liveness: { ...job.liveness, offsets: new LiveOffsets(from, to, bits) } }
}
