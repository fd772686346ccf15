import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import type { z } from 'zod'
import { postgresConfig } from '../../connectors/postgres/config.ts'
import { PostgresSource } from '../../connectors/postgres/source.ts'
import type { Batch, Chunk, LoadRequest } from '../../runtime/contract.ts'
import { createLogger } from '../../runtime/logger.ts'
import { type PostgresServer, startPostgres } from '../support/postgres.ts'
import { StreamRig } from '../support/postgres-source.ts'
import { until } from '../support/until.ts'

let server: PostgresServer
beforeAll(async () => {
  server = await startPostgres({ settings: { max_prepared_transactions: '5' } })
})
afterAll(() => server[Symbol.asyncDispose]())

type Options = Partial<z.input<typeof postgresConfig>>
const signal = (): AbortSignal => AbortSignal.timeout(60_000)

/** A source that streams one table `t`, stopped; `wider` opens it again with other options. */
async function place(options: Options = {}) {
  const url = await server.createDatabase()
  const database = new URL(url).pathname.slice(1)
  const sql = (text: string) => server.sql(text, [], database)
  await sql('CREATE TABLE t (id int PRIMARY KEY)')
  if (options.publication !== undefined) await sql(`CREATE PUBLICATION ${options.publication} FOR TABLE t`)
  const rig = new StreamRig(url, { tables: ['public.t'], ...options })
  await rig.begin()
  const lines: Record<string, unknown>[] = []
  const logger = createLogger('warn', { write: (line: string) => lines.push(JSON.parse(line)) })
  const wider = (more: Options): PostgresSource => {
    const config = postgresConfig.parse({ url, tables: ['public.t', 'public.later'], ...options, ...more })
    return new PostgresSource(config, { pipeline: rig.pipeline, name: 'app', logger, folder: '' })
  }
  return { rig, sql, wider, lines, database }
}

const valuesOf = (batch: Batch): string[] =>
  Array.from(batch, change =>
    `${change.kind} ${change.table.table} ${change.kind === 's' ? '' : change.text(0)}`.trim(),
  )

async function read(source: PostgresSource, request: LoadRequest): Promise<Chunk[]> {
  const chunks: Chunk[] = []
  for await (const chunk of source.load(request, signal())) chunks.push(chunk)
  return chunks
}

describe('a table added to `tables`', () => {
  it('is published and loaded beside the stream, and has one id in both', async () => {
    const { rig, sql, wider } = await place()
    await sql('CREATE TABLE later (id int PRIMARY KEY); INSERT INTO later VALUES (1)')
    await using source = wider({})
    const requests = await source.start(rig.log.resume(), signal())
    expect(requests).toMatchObject([
      { table: { table: 'later' }, scope: { kind: 'all' }, beside: true, restart: false },
    ])
    await sql('INSERT INTO later VALUES (2); INSERT INTO t VALUES (3)')
    const streamed: string[] = []
    for await (const batch of source.changes(signal())) {
      rig.log.append(batch)
      streamed.push(...valuesOf(batch))
      if (streamed.length === 3) break
    }
    expect(streamed).toEqual(['s later', 'c later 2', 'c t 3'])
    const [chunk, ...more] = await read(source, requests[0]!)
    expect(more).toEqual([])
    expect(valuesOf(chunk!.rows).filter(text => text !== 's later')).toEqual(['r later 1', 'r later 2'])
    const logged = rig.log.resume()!.tables
    expect(logged.map(({ id, table }) => [id, table])).toEqual([
      [1, 't'],
      [chunk!.table.id, 'later'],
    ])
  })

  it('is still to be loaded when its rows were streamed and its load was not begun', async () => {
    const { rig, sql, wider } = await place()
    await sql('CREATE TABLE later (id int PRIMARY KEY); INSERT INTO later VALUES (1)')
    {
      await using source = wider({})
      await source.start(rig.log.resume(), signal())
      await sql('INSERT INTO later VALUES (2)')
      for await (const batch of source.changes(signal())) {
        rig.log.append(batch)
        if (valuesOf(batch).includes('c later 2')) break
      }
    }
    await using source = wider({})
    const [request] = await source.start(rig.log.resume(), signal())
    expect(request).toMatchObject({ table: { table: 'later' }, beside: true })
    rig.log.append((await read(source, request!))[0]!.rows)
    await source[Symbol.asyncDispose]()
    await using later = wider({})
    expect(await later.start(rig.log.resume(), signal())).toEqual([])
  })

  it.each(['a session', 'a prepared transaction'])(
    'is read once %s that ran when it was published has ended, which is named',
    async by => {
      const { rig, sql, wider, lines, database } = await place()
      await sql('CREATE TABLE later (id int PRIMARY KEY)')
      const client = await server.connect(database)
      await client.query("SET application_name = 'night job'; BEGIN; INSERT INTO later VALUES (1)")
      if (by !== 'a session') await client.query("PREPARE TRANSACTION 'night job'")
      await using source = wider({})
      const [request] = await source.start(rig.log.resume(), signal())
      const reading = read(source, request!)
      await until(() => lines.length > 0, 'the transaction is named')
      const { pid, msg, application } = lines[0] as { pid: string | null; msg: string; application: string }
      expect(application).toContain('night job')
      expect(msg).toMatch(
        by === 'a session' ? /server process \d+ \(night job, for \d+ s\)/ : /prepared as night job, for \d+ s/,
      )
      expect(pid === null).toBe(by !== 'a session')
      expect(JSON.stringify(lines)).not.toContain('INSERT')
      await client.query(by === 'a session' ? 'COMMIT' : "COMMIT PREPARED 'night job'")
      await client.end()
      expect(valuesOf((await reading)[0]!.rows)).toContain('r later 1')
    },
  )

  it('is read once a transaction has ended that began to write while it was being published', async () => {
    const { rig, sql, wider, lines, database } = await place({ publication: 'owners' })
    await sql('CREATE TABLE later (id int PRIMARY KEY)')
    const [owner, writer] = [await server.connect(database), await server.connect(database)]
    await owner.query('BEGIN; ALTER PUBLICATION owners ADD TABLE later')
    // Its number comes after the owner's, and when that one has ended no later one has.
    await writer.query('BEGIN; INSERT INTO later VALUES (1)')
    await owner.query('COMMIT')
    await using source = wider({})
    const [request] = await source.start(rig.log.resume(), signal())
    let chunks: Chunk[] | undefined
    const reading = read(source, request!).then(came => {
      chunks = came
    })
    await until(() => lines.length > 0 || chunks !== undefined, 'the transaction is named, or not waited for')
    await writer.query('COMMIT')
    await reading
    expect(valuesOf(chunks![0]!.rows)).toContain('r later 1')
    await owner.end()
    await writer.end()
  })

  it('is refused with the statement where the publication is somebody else’s and lacks it, and taken once it has it', async () => {
    const { rig, sql, wider } = await place({ publication: 'owners' })
    await sql('CREATE TABLE later (id int PRIMARY KEY)')
    {
      await using source = wider({})
      await expect(source.start(rig.log.resume(), signal())).rejects.toMatchObject({
        code: 'PUBLICATION_TABLES',
        hint: expect.stringContaining('ALTER PUBLICATION "owners" ADD TABLE ONLY "public"."later"'),
      })
    }
    await sql('ALTER PUBLICATION owners ADD TABLE later')
    await using source = wider({})
    expect(await source.start(rig.log.resume(), signal())).toHaveLength(1)
  })

  it('of a star is taken where that can be, and told of where not', async () => {
    const { rig, sql, wider, lines } = await place({ tables: ['public.*'] })
    await sql('CREATE TABLE later (id int PRIMARY KEY); CREATE TABLE keyless (line text)')
    await using source = wider({ tables: ['public.*'] })
    const requests = await source.start(rig.log.resume(), signal())
    expect(requests.map(({ table }) => table.table)).toEqual(['later'])
    expect(lines).toMatchObject([{ table: 'public.keyless', msg: expect.stringContaining('not captured') }])
  })

  it.each([
    ['without a key', 'CREATE TABLE later (line text)', 'TABLE_ADDED'],
    ['with one', 'CREATE TABLE later (id int PRIMARY KEY)', 'TABLE_ADDED'],
  ])('and append-only, %s, is refused where no such table was there before', async (_what, ddl, code) => {
    const { rig, sql, wider } = await place()
    await sql(ddl)
    await using source = wider({ appendOnly: ['public.later'] })
    await expect(source.start(rig.log.resume(), signal())).rejects.toMatchObject({ code, recovery: 'stop' })
  })

  it('is only streamed where nothing is to be loaded', async () => {
    const { rig, sql, wider } = await place({ snapshot: 'never' })
    await sql('CREATE TABLE later (id int PRIMARY KEY); INSERT INTO later VALUES (1)')
    await using source = wider({})
    expect(await source.start(rig.log.resume(), signal())).toEqual([])
  })
})
