import { existsSync, readlinkSync } from 'node:fs'
import { constants, setPriority } from 'node:os'
import { basename } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { parentPort, workerData } from 'node:worker_threads'
import { realFs } from '../fs.ts'
import { packFailure } from '../key-index/messages.ts'
import { type FromRewriter, receivedJob } from './in-thread.ts'
import { type RewriteJob, rewrite } from './rewrite.ts'

/** The thread of one run of compaction. */

/** Works so long, and then rests as long: whoever follows the log shall not notice. */
const WORK_MS = 10

/** Linux has a priority for each thread, and says here which one asks. */
const SELF = '/proc/thread-self'

if (existsSync(SELF)) setPriority(Number(basename(readlinkSync(SELF))), constants.priority.PRIORITY_LOW)

const port = parentPort!
const post = (message: FromRewriter): void => port.postMessage(message)
let began = performance.now()

async function rest(): Promise<void> {
  const worked = performance.now() - began
  if (worked < WORK_MS) return
  await setTimeout(worked)
  began = performance.now()
}

try {
  for await (const rewritten of rewrite(realFs, receivedJob(workerData as RewriteJob), rest))
    post({ kind: 'rewritten', rewritten })
  post({ kind: 'done' })
} catch (error) {
  post({ kind: 'failed', error: packFailure(error) })
}
