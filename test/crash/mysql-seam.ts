/**
 * One start of a pipeline on a busy MySQL or MariaDB, with two transactions that fall through a careless seam between
 * first load and stream: open when the state of the load is fixed, and committed while it is read, or behind it.
 */
import { randomUUID } from 'node:crypto'
import { setTimeout } from 'node:timers/promises'
import type { MysqlServer } from '../support/mysql/server.ts'
import { type HandSession, HandWritten } from './hand-written.ts'
import { DATABASE, MysqlGround } from './mysql-ground.ts'
import { mysqlSql, nameTransaction } from './mysql-tables.ts'
import { type Proof, Rig } from './rig.ts'
import type { SeamOptions } from './seam.ts'

/** Without GTIDs the tables are locked for a moment, which waits for those who have written. */
const BEFORE_LOCK_MS = 700

export interface MysqlSeamOptions extends SeamOptions {
  /** The server has no GTIDs. */
  readonly locks?: boolean
}

export async function startMysqlAcrossSeam(server: MysqlServer, options: MysqlSeamOptions): Promise<Proof> {
  const ground = await MysqlGround.make(server, options.filled)
  await using rig = await Rig.open(ground, options)
  await using early = await handWritten(server, 0)
  await using across = await handWritten(server, 1)
  await early.begin()
  await early.insert('by_text')
  await across.begin()
  await across.insert('by_pair')
  await across.remove('by_number')
  const pipeline = await rig.start()
  const loads = pipeline.until(({ sources }) => (sources.app?.progress?.rows ?? 0) > 0, 'it loads', 60)
  if (options.locks === true) {
    await setTimeout(BEFORE_LOCK_MS)
    await early.commit()
    await across.commit()
    await loads
  } else {
    await loads
    await early.insert('by_pair')
    await early.commit()
    await pipeline.until(({ sources }) => sources.app?.phase === 'streaming', 'the stream has begun', 120)
    await across.insert('by_text')
    await across.commit()
  }
  await pipeline.wait(300)
  rig.loadIsDone()
  await setTimeout(options.streamMs)
  return await rig.prove(
    pipeline,
    [early, across].flatMap(each => each.committed ?? []),
  )
}

async function handWritten(server: MysqlServer, number: number): Promise<HandWritten> {
  const client = await server.connect({ database: DATABASE })
  const xid = randomUUID()
  const begin = ['SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED', 'BEGIN', nameTransaction(xid)]
  const session: HandSession = {
    begin: async () => void (await client.query(begin.join('; '))),
    query: sql => client.query(sql),
    xid: async () => xid,
    end: () => client.end(),
  }
  return new HandWritten(session, mysqlSql, number)
}
