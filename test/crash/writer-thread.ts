import { setTimeout } from 'node:timers/promises'
import { parentPort, workerData } from 'node:worker_threads'
import { PlanConnection } from './execute.ts'
import type { CommittedTransaction, Written } from './history.ts'
import { MysqlPlans } from './mysql-execute.ts'
import { mysqlSql } from './mysql-tables.ts'
import { Keys, planTransaction } from './plan.ts'
import { PostgresPlans } from './postgres-execute.ts'
import { Random } from './random.ts'
import { postgresSql } from './tables.ts'
import type { WriterOptions } from './writer.ts'

/** Behind schedule by more than this, the schedule starts anew: no burst to catch up. */
const LATE_MS = 500

const options = workerData as Required<WriterOptions> & { readonly shared: SharedArrayBuffer }
const isMysql = options.url.startsWith('mysql:')
const sql = isMysql ? mysqlSql : postgresSql
const port = parentPort!
const counters = new BigInt64Array(options.shared)
const random = new Random(options.seed)
const keys = new Keys(options.keys, options.hot, options.filled)
const transactions: CommittedTransaction[] = []
const began = performance.now()
let version = 0
let due = began
let stopping = false

port.once('message', () => {
  stopping = true
})
port.postMessage('writing')
const loops = Array.from({ length: options.connections }, (_, i) => writeOn(random.fork(i)))
await Promise.all(loops)
const aborted = Number(counters[1])
const seconds = (performance.now() - began) / 1000
port.postMessage({ transactions, aborted, rate: (transactions.length + aborted) / seconds } satisfies Written)

async function writeOn(own: Random): Promise<void> {
  const { url } = options
  const connection = isMysql ? new PlanConnection(new MysqlPlans(url)) : new PlanConnection(new PostgresPlans(url))
  while (!stopping) {
    await turn()
    const plan = planTransaction(keys, own, () => ++version, sql)
    const outcome = await connection.execute(plan, own)
    if (outcome.committed) {
      for (const change of plan.changes) keys.set(change)
      if (plan.changes.length > 0) transactions.push({ xid: outcome.xid, changes: plan.changes })
      Atomics.add(counters, 0, 1n)
      Atomics.add(counters, 2, BigInt(plan.changes.length))
    } else Atomics.add(counters, 1, 1n)
    keys.release(plan.taken)
  }
  await connection.end()
}

/** Waits for the next place in the schedule that all connections share. */
async function turn(): Promise<void> {
  const now = performance.now()
  if (now - due > LATE_MS) due = now
  due += 1000 / options.rate
  const wait = due - now
  if (wait >= 1) await setTimeout(wait)
}
