import { existsSync, readlinkSync } from 'node:fs'
import { constants, setPriority } from 'node:os'
import { basename } from 'node:path'
import { parentPort, workerData } from 'node:worker_threads'
import { realFs } from '../fs.ts'
import { packFailure } from '../key-index/messages.ts'
import { type FromRewriter, receivedJob } from './in-thread.ts'
import { Pace } from './pace.ts'
import { type RewriteJob, rewrite } from './rewrite.ts'

/** The thread of one run of compaction. */

/** Linux has a priority for each thread, and says here which one asks. */
const SELF = '/proc/thread-self'

if (existsSync(SELF)) setPriority(Number(basename(readlinkSync(SELF))), constants.priority.PRIORITY_LOW)

const port = parentPort!
const post = (message: FromRewriter): void => port.postMessage(message)
const pace = new Pace()

try {
  for await (const rewritten of rewrite(realFs, receivedJob(workerData as RewriteJob), () => pace.rest()))
    post({ kind: 'rewritten', rewritten })
  post({ kind: 'done' })
} catch (error) {
  post({ kind: 'failed', error: packFailure(error) })
}
