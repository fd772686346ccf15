/**
 * One start of a pipeline on a busy database, with the three transactions that fall through a careless seam between
 * first load and stream.
 */
import type pg from 'pg'
import type { PostgresServer } from '../support/postgres.ts'
import { until } from '../support/until.ts'
import { type HandSession, HandWritten } from './hand-written.ts'
import { PostgresGround } from './postgres-ground.ts'
import { type Proof, Rig } from './rig.ts'
import { confirmedFlush } from './slot-watch.ts'
import { postgresSql } from './tables.ts'

export interface SeamOptions {
  readonly seed: number
  readonly rate: number
  /** Rows of the largest table: the copy must take a while, so that a transaction can be open across it. */
  readonly filled: number
  /** How long writing goes on behind the seam. */
  readonly streamMs: number
}

/** Undefined: the copy was too quick for the transaction that should be open across it. The start does not count. */
export async function startAcrossSeam(server: PostgresServer, options: SeamOptions): Promise<Proof | undefined> {
  const ground = await PostgresGround.make(server, options.filled)
  await using rig = await Rig.open(ground, options)
  await using early = await handWritten(ground, 0)
  await using holding = await handWritten(ground, 1)
  await using across = await handWritten(ground, 2)
  await using slot = await connection(ground)

  await early.begin()
  await holding.begin()
  await holding.insert('by_text')
  const pipeline = await rig.start()
  const meanwhile = (condition: () => Promise<boolean>, what: string): Promise<void> =>
    until(
      () => {
        pipeline.demandAlive()
        return condition()
      },
      what,
      60,
    )
  await meanwhile(() => creationWaits(slot.client), 'the creation of the slot waits for a transaction')
  await holding.insert('by_pair')
  await holding.commit()
  await meanwhile(async () => (await confirmedFlush(slot.client)) !== undefined, 'the slot has its consistent point')
  await across.begin()
  await across.update('by_number')
  await across.insert('by_text')
  const { sources } = await pipeline.status()
  const inTime = sources.app?.phase === 'loading' && (sources.app.progress?.rows ?? 0) === 0
  await early.insert('by_pair')
  await early.remove('by_number')
  await early.commit()
  await pipeline.until(status => status.sources.app?.phase === 'streaming', 'the stream has begun', 120)
  await across.remove('by_number')
  await across.commit()
  await pipeline.wait(120)
  rig.loadIsDone()
  await new Promise(resolve => setTimeout(resolve, options.streamMs))
  const proof = await rig.prove(
    pipeline,
    [early, holding, across].flatMap(each => each.committed ?? []),
  )
  const { transactions } = rig.trail
  if (transactions.has(holding.xid)) throw new Error('what was open before the slot came by the stream, not the copy')
  for (const { xid } of [early, across])
    if (!transactions.has(xid)) throw new Error('what was first written behind the slot came by the copy')
  return inTime ? proof : undefined
}

async function handWritten({ server, database }: PostgresGround, number: number): Promise<HandWritten> {
  const client = await server.connect(database)
  const session: HandSession = {
    // With a snapshot, and without a transaction number.
    begin: async () => void (await client.query('BEGIN; SELECT count(*) FROM by_pair')),
    query: sql => client.query(sql),
    xid: async () => (await client.query('SELECT pg_current_xact_id()::text AS xid')).rows[0].xid,
    end: () => client.end(),
  }
  return new HandWritten(session, postgresSql, number)
}

/** The walsender that makes the slot waits for the transactions that it found running. */
async function creationWaits(client: pg.Client): Promise<boolean> {
  const { rows } = await client.query(
    "SELECT FROM pg_stat_activity WHERE backend_type = 'walsender' AND wait_event_type = 'Lock' AND datname = current_database()",
  )
  return rows.length > 0
}

async function connection(ground: PostgresGround): Promise<{ client: pg.Client } & AsyncDisposable> {
  const client = await ground.server.connect(ground.database)
  return { client, [Symbol.asyncDispose]: () => client.end() }
}
