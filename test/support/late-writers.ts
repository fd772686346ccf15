import { setTimeout } from 'node:timers/promises'
import type pg from 'pg'
import { errorCode } from '../../runtime/errors.ts'
import type { Random } from '../crash/random.ts'

/**
 * Writers of one table whose commits become visible late and out of the order of the WAL: they wait for a standby that
 * does not exist, until somebody cancels the waiting. Every row written has a `ver` of its own, greater than all that its
 * key had before: who writes a key holds a lock on its number until its commit is visible.
 */

/** Of the server. */
export const LATE_SETTINGS = {
  synchronous_commit: 'local',
  synchronous_standby_names: 'nobody',
  max_prepared_transactions: '20',
  // What is committed without waiting for the disk stays unwritten for a while.
  wal_writer_delay: '100ms',
}

export const LATE_SCHEMA = `CREATE SEQUENCE ver;
  CREATE TABLE t (id int PRIMARY KEY, ver bigint NOT NULL, small text, big text);
  ALTER TABLE t ALTER big SET STORAGE EXTERNAL;`

const KEYS = 30
/** Written without a pause. */
const HOT = 2

export type LateKind = 'late' | 'fast' | 'hot' | 'truncate' | 'rewrite' | 'unseen'

/** Writes until `stop` aborts; what it has begun is then ended. */
export async function writeLate(kind: LateKind, client: pg.Client, random: Random, stop: AbortSignal): Promise<void> {
  while (!stop.aborted) {
    try {
      await WRITERS[kind](client, random)
    } catch (error) {
      // Whoever releases a commit may hit what its session does next.
      if (errorCode(error) !== CANCELLED) throw error
      await client.query('ROLLBACK')
    }
  }
}

const CANCELLED = '57014'

const WRITERS: Readonly<Record<LateKind, (client: pg.Client, random: Random) => Promise<unknown>>> = {
  late,
  fast,
  hot,
  truncate,
  rewrite,
  unseen,
}

/** A few keys that nobody else holds, and a commit that hangs, soon or late, or none. */
async function late(client: pg.Client, random: Random): Promise<void> {
  await client.query('BEGIN')
  const wanted = Array.from({ length: random.between(1, 4) }, () => random.between(0, KEYS))
  const { rows } = await client.query<{ id: string }>(
    'SELECT id FROM unnest($1::int[]) AS wanted(id) WHERE pg_try_advisory_xact_lock(id)',
    [wanted],
  )
  for (const { id } of rows) {
    const savepoint = random.next()
    if (savepoint < 0.3) await client.query('SAVEPOINT here')
    await client.query(change(Number(id), random))
    if (savepoint < 0.1) await client.query('ROLLBACK TO SAVEPOINT here')
  }
  const end = random.next()
  if (end < 0.1) await client.query('ROLLBACK')
  else if (end < 0.25) await prepared(client, random)
  else {
    await client.query(`SET LOCAL synchronous_commit = ${random.chance(0.8) ? 'on' : 'local'}`)
    await client.query('COMMIT')
  }
}

async function prepared(client: pg.Client, random: Random): Promise<void> {
  const name = `'p${random.between(0, 2 ** 31)}'`
  await client.query(`PREPARE TRANSACTION ${name}`)
  await setTimeout(random.between(0, 30))
  await uncancelled(client, `SET synchronous_commit = ${random.chance(0.5) ? 'on' : 'local'}`)
  await uncancelled(client, `COMMIT PREPARED ${name}`)
  await uncancelled(client, 'RESET synchronous_commit')
}

/** A prepared transaction outlives its session: it must not be left behind. */
async function uncancelled(client: pg.Client, sql: string): Promise<void> {
  try {
    await client.query(sql)
  } catch (error) {
    if (errorCode(error) !== CANCELLED) throw error
    await client.query(sql)
  }
}

/** Many short transactions, some of which wait for a key. */
async function fast(client: pg.Client, random: Random): Promise<void> {
  for (let i = random.between(1, 20); i > 0; i--) {
    const id = random.between(0, KEYS)
    const lock = random.chance(0.5) ? `PERFORM pg_advisory_xact_lock(${id})` : undefined
    const written = `${change(id, random)};`
    const body =
      lock === undefined ? `IF pg_try_advisory_xact_lock(${id}) THEN ${written} END IF;` : `${lock}; ${written}`
    await client.query(`DO $$ BEGIN ${body} END $$`)
  }
  await setTimeout(random.between(0, 5))
}

/** So many commits of a key, one right behind the other, that there is one between any two moments. */
async function hot(client: pg.Client, random: Random): Promise<void> {
  const id = random.between(0, HOT)
  const rounds = random.between(20, 150)
  await client.query('SET synchronous_commit = off')
  await client.query(`DO $$ BEGIN
    FOR i IN 1..${rounds} LOOP
      IF pg_try_advisory_xact_lock(${id}) THEN
        ${change(id, random)}; ${change(id, random)};
      END IF;
      COMMIT;
    END LOOP;
  END $$`)
  await setTimeout(random.between(0, 10))
}

async function truncate(client: pg.Client, random: Random): Promise<void> {
  await client.query('BEGIN')
  await client.query(`SET LOCAL synchronous_commit = ${random.chance(0.5) ? 'on' : 'local'}`)
  await client.query('TRUNCATE t')
  if (random.chance(0.5)) await client.query(change(random.between(0, KEYS), random))
  await client.query(random.chance(0.1) ? 'ROLLBACK' : 'COMMIT')
  await setTimeout(random.between(50, 300))
}

/** Values that change without an event, under a lock that others wait for. */
async function rewrite(client: pg.Client, random: Random): Promise<void> {
  await client.query('BEGIN')
  const column = random.chance(0.5) ? 'big' : 'small'
  await client.query(`ALTER TABLE t ALTER ${column} TYPE text USING ${column} || '${random.between(0, 10)}'`)
  await setTimeout(random.between(0, 40))
  await client.query(`SET LOCAL synchronous_commit = ${random.chance(0.5) ? 'on' : 'local'}`)
  await client.query('COMMIT')
  await setTimeout(random.between(300, 1000))
}

/** Rows that change while nobody publishes that. */
async function unseen(client: pg.Client, random: Random): Promise<void> {
  const publish = (what: string): string =>
    `DO $$ BEGIN EXECUTE format('ALTER PUBLICATION %I SET (publish = ''${what}'')', 'tailrace_' || current_database() || '_app'); END $$`
  await client.query(publish('insert, truncate'))
  for (let i = random.between(1, 10); i > 0; i--) {
    const id = random.between(0, KEYS)
    await client.query(`DO $$ BEGIN IF pg_try_advisory_xact_lock(${id}) THEN ${change(id, random)}; END IF; END $$`)
  }
  await client.query(publish('insert, update, delete, truncate'))
  await setTimeout(random.between(100, 300))
}

function change(id: number, random: Random): string {
  const choice = random.next()
  const ver = `nextval('ver')`
  const big = `'b' || repeat('${'abcdefghij'[random.between(0, 10)]}', ${random.between(2100, 5000)})`
  if (choice < 0.3)
    return `INSERT INTO t VALUES (${id}, ${ver}, 'i', ${big}) ON CONFLICT (id) DO UPDATE SET ver = excluded.ver`
  if (choice < 0.65) return `UPDATE t SET ver = ${ver}, small = 'u' WHERE id = ${id}`
  if (choice < 0.8) return `UPDATE t SET ver = ${ver}, big = ${big} WHERE id = ${id}`
  return `DELETE FROM t WHERE id = ${id}`
}
