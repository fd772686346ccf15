import { parentPort, workerData } from 'node:worker_threads'
import { giveWay } from '../../../thread-priority.ts'
import { erase } from '../forget/erase.ts'
import { realFs } from '../fs.ts'
import { packFailure } from '../key-index/messages.ts'
import { type FromWorker, receivedJob, type Work } from './in-thread.ts'
import { Pace } from './pace.ts'
import { rewrite } from './rewrite.ts'

/** The thread of one run of compaction, or of one `forget`. */

giveWay('everybody')

const port = parentPort!
const post = (message: FromWorker<unknown>): void => port.postMessage(message)
const pace = new Pace(1)
const rest = (): Promise<void> => pace.rest()

try {
  const work = workerData as Work
  const results = work.kind === 'rewrite' ? rewrite(realFs, receivedJob(work.job), rest) : erase(realFs, work.job, rest)
  for await (const result of results) post({ kind: 'result', result })
  post({ kind: 'done' })
} catch (error) {
  post({ kind: 'failed', error: packFailure(error) })
}
