import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { postgresConfig } from '../../connectors/postgres/config.ts'
import postgres from '../../connectors/postgres.ts'
import { createLogger } from '../../runtime/logger.ts'
import { type PostgresServer, startPostgres } from '../support/postgres.ts'
import { StreamRig } from '../support/postgres-source.ts'

describe('removing a PostgreSQL source', () => {
  let server: PostgresServer
  beforeAll(async () => {
    server = await startPostgres()
  })
  afterAll(async () => server?.[Symbol.asyncDispose]())

  async function begin(ddl: string, options: object = {}) {
    const url = await server.createDatabase()
    const sql = (text: string) => server.sql(text, [], new URL(url).pathname.slice(1))
    await sql(ddl)
    const rig = new StreamRig(url, options)
    const config = postgresConfig.parse({ url, tables: ['public.*'], ...options })
    const context = { pipeline: rig.pipeline, name: 'app', logger: createLogger('silent'), folder: '' }
    const destroy = () => postgres.destroy(config, context, AbortSignal.timeout(20_000))
    return { rig, sql, destroy }
  }

  it('leaves neither slot nor publications, and says what it dropped; again it finds nothing', async () => {
    const { rig, sql, destroy } = await begin('CREATE TABLE t (id int PRIMARY KEY); CREATE TABLE e (v text)', {
      appendOnly: ['public.e'],
    })
    await rig.begin()
    expect(await destroy()).toEqual([
      `dropped replication slot "${rig.slot}"`,
      `dropped publication "${rig.slot}"`,
      `dropped publication "${rig.slot}_append"`,
    ])
    expect(await sql('SELECT FROM pg_publication')).toEqual([])
    expect(await sql(`SELECT FROM pg_replication_slots WHERE slot_name = '${rig.slot}'`)).toEqual([])
    expect(await destroy()).toEqual([])
  })

  it('keeps a publication that a person made', async () => {
    const { rig, sql, destroy } = await begin(
      'CREATE TABLE t (id int PRIMARY KEY); CREATE PUBLICATION own FOR TABLE t',
      { publication: 'own' },
    )
    await rig.begin()
    expect(await destroy()).toContain('kept publication "own", which Tailrace did not make')
    expect(await sql('SELECT pubname FROM pg_publication')).toEqual([{ pubname: 'own' }])
  })

  it('is refused while it runs', async () => {
    const { rig, sql, destroy } = await begin('CREATE TABLE t (id int PRIMARY KEY)')
    await rig.begin()
    await sql('INSERT INTO t VALUES (1)')
    await using source = rig.open()
    const batches = rig.stream(source, AbortSignal.timeout(20_000))
    await batches.next()
    await expect(destroy()).rejects.toMatchObject({ code: 'SLOT_HELD' })
    await batches.return(undefined)
  })

  it('is not needed before other tables: a first start sets its own publication to them', async () => {
    const { rig, sql } = await begin('CREATE TABLE t (id int PRIMARY KEY); CREATE TABLE u (id int PRIMARY KEY)')
    await rig.begin()
    const narrow = new StreamRig(server.url(rig.pipeline), { tables: ['public.t'] })
    await narrow.begin()
    expect(await sql('SELECT tablename FROM pg_publication_tables')).toEqual([{ tablename: 't' }])
    const wide = new StreamRig(server.url(rig.pipeline))
    await wide.begin()
    expect(await sql('SELECT tablename FROM pg_publication_tables ORDER BY 1')).toEqual([
      { tablename: 't' },
      { tablename: 'u' },
    ])
  })
})
