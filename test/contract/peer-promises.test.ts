/**
 * Promises that ours keeps and `pg-logical-replication` breaks, beyond those of test/contract/source.ts: side by side
 * over one server. The day that a release of the package mends one, its test fails and says so.
 */
import { setTimeout } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import type { Pgoutput } from 'pg-logical-replication'
import type { Batch, Source } from '../../runtime/contract.ts'
import { itBreaks } from '../support/known-failure.ts'
import { PaperLog } from '../support/paper-log.ts'
import { livePackage } from '../support/peers/package-life.ts'
import { PeerSource } from '../support/peers/pg-logical-replication.ts'
import { type PostgresServer, startPostgres } from '../support/postgres.ts'
import { StreamRig } from '../support/postgres-source.ts'

const TIMEOUT_MS = 20_000
/** Longer than the package's first timer, and than the server's patience below. */
const IDLE_MS = 2500

let server: PostgresServer
beforeAll(async () => {
  server = await startPostgres()
})
afterAll(() => server[Symbol.asyncDispose]())

const databaseOf = (url: string): string => new URL(url).pathname.slice(1)
const sql = (url: string, text: string) => server.sql(text, [], databaseOf(url))

/** A reader over a database of its own. */
interface Reader {
  readonly url: string
  readonly slot: string
  open(): Source
}

async function database(ddl: string): Promise<string> {
  const url = await server.createDatabase()
  await sql(url, ddl)
  return url
}

async function ours(ddl: string): Promise<Reader> {
  const url = await database(ddl)
  const rig = new StreamRig(url)
  return { url, slot: rig.slot, open: () => rig.open() }
}

/** `timeoutSeconds`: 10 is the package's default; 0 turns its timer off. */
async function peer(ddl: string, timeoutSeconds: number): Promise<Reader> {
  const url = await database(ddl)
  const slot = `peer_${databaseOf(url)}`
  return { url, slot, open: () => new PeerSource({ url, slot, timeoutSeconds }) }
}

/** `timeoutSeconds`: how the package is used in it. */
function oursAlone(
  promise: string,
  timeoutSeconds: number,
  ddl: string,
  body: (reader: Reader) => Promise<void>,
): void {
  describe(promise, () => {
    it('ours', async () => body(await ours(ddl)))
    itBreaks('pg-logical-replication', async () => body(await peer(ddl, timeoutSeconds)))
  })
}

/** Starts, loads, and answers the stream behind its first unit. */
async function streaming(source: Source, log: PaperLog): Promise<AsyncIterator<Batch>> {
  const signal = AbortSignal.timeout(TIMEOUT_MS)
  for (const request of await source.start(undefined, signal))
    for await (const { rows } of source.load(request, signal)) log.append(rows)
  const changes = source.changes(signal)[Symbol.asyncIterator]()
  log.append((await changes.next()).value as Batch)
  return changes
}

async function readTransaction(changes: AsyncIterator<Batch>, log: PaperLog): Promise<void> {
  while (log.transactions.length === 0) log.append((await changes.next()).value as Batch)
}

const ITEM = 'CREATE TABLE item (id int PRIMARY KEY)'

oursAlone('acknowledges nothing by itself that its reader has not made durable', 10, ITEM, async reader => {
  const confirmed = async (): Promise<unknown> =>
    (
      await sql(
        reader.url,
        `SELECT confirmed_flush_lsn AS lsn FROM pg_replication_slots WHERE slot_name = '${reader.slot}'`,
      )
    )[0]?.lsn
  await using source = reader.open()
  const log = new PaperLog()
  const changes = await streaming(source, log)
  const before = await confirmed()
  await sql(reader.url, 'INSERT INTO item VALUES (1)')
  await readTransaction(changes, log)
  await setTimeout(IDLE_MS)
  expect(await confirmed()).toBe(before)
  await changes.return?.()
})

oursAlone('outlives the server’s wal_sender_timeout while nothing happens', 0, ITEM, async reader => {
  await sql(reader.url, `ALTER DATABASE ${databaseOf(reader.url)} SET wal_sender_timeout = '1s'`)
  await using source = reader.open()
  const log = new PaperLog()
  const changes = await streaming(source, log)
  const read = readTransaction(changes, log)
  read.catch(() => {})
  await setTimeout(IDLE_MS)
  await sql(reader.url, 'INSERT INTO item VALUES (1)')
  await expect(read).resolves.toBeUndefined()
  await changes.return?.()
})

describe('hands over the value as the database prints it:', () => {
  const values = [
    ['timestamp(6)', '2026-01-31 12:00:00.123456'],
    ['timestamptz', '2026-01-31 12:00:00.123456+00'],
    ['json', '{"n":12345678901234567890}'],
    ['numeric[]', '{12345678901234567890.123456789}'],
  ] as const

  for (const [type, value] of values)
    oursAlone(type, 0, `CREATE TABLE item (id int PRIMARY KEY, value ${type})`, async reader => {
      await using source = reader.open()
      const log = new PaperLog()
      const changes = await streaming(source, log)
      await sql(reader.url, `INSERT INTO item VALUES (1, '${value}')`)
      const texts: (string | null)[] = []
      while (texts.length === 0) {
        const batch = (await changes.next()).value as Batch
        for (const change of batch) if (change.kind === 'c') texts.push(change.text(1))
      }
      expect(texts).toEqual([value])
      await changes.return?.()
    })
})

describe('pg-logical-replication as its README shows it', () => {
  async function prepared(): Promise<{ url: string; slot: string; publication: string }> {
    const url = await database(`${ITEM}; CREATE PUBLICATION p FOR ALL TABLES`)
    const slot = `readme_${databaseOf(url)}`
    await sql(url, `SELECT pg_create_logical_replication_slot('${slot}', 'pgoutput')`)
    return { url, slot, publication: 'p' }
  }

  itBreaks('delivers again what its handler failed to store, under flow control', async () => {
    const place = await prepared()
    const stored: number[] = []
    const life = (last: number, fails: number): Promise<void> => {
      let id = 0
      return livePackage({
        ...place,
        config: { flowControl: { enabled: true } },
        async handle(message: Pgoutput.Message) {
          if (message.tag === 'commit') return id === last
          if (message.tag !== 'insert') return false
          id = Number(message.new.id)
          if (id === fails) throw new Error('the disk is full')
          stored.push(id)
          return false
        },
      })
    }
    for (const id of [1, 2, 3]) await sql(place.url, `INSERT INTO item VALUES (${id})`)
    await life(3, 2)
    await sql(place.url, 'INSERT INTO item VALUES (4)')
    await life(4, 0)
    expect(stored).toContain(2)
  })

  itBreaks('does not overwrite bytes that its handler keeps, until a transaction is whole, say', async () => {
    const place = await prepared()
    const kept: Uint8Array[] = []
    await sql(
      place.url,
      `SELECT count(pg_logical_emit_message(true, 'p', lpad(i::text, 200, '.'))) FROM generate_series(1, 3000) i`,
    )
    await livePackage({
      ...place,
      config: { flowControl: { enabled: true } },
      handle(message: Pgoutput.Message) {
        if (message.tag === 'message') kept.push(message.content)
        return message.tag === 'commit'
      },
    })
    const contents = kept.map(content => Buffer.from(content).toString())
    expect(contents).toEqual(Array.from({ length: 3000 }, (_, i) => String(i + 1).padStart(200, '.')))
  })
})
