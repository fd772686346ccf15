import { writeFile } from 'node:fs/promises'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { checkPostgres } from '../../connectors/postgres/check.ts'
import { postgresConfig } from '../../connectors/postgres/config.ts'
import { discoverPostgres } from '../../connectors/postgres/discover.ts'
import type { Finding, SourceContext } from '../../runtime/contract.ts'
import { createLogger } from '../../runtime/logger.ts'
import { describeMajors } from '../support/majors.ts'
import { type PostgresServer, startPostgres } from '../support/postgres.ts'
import { itIf } from '../support/skip.ts'

const context: SourceContext = { pipeline: 'shop', name: 'app', logger: createLogger('silent'), folder: '/tmp' }
const signal = (): AbortSignal => new AbortController().signal

async function check(url: string, options: Record<string, unknown>): Promise<readonly Finding[]> {
  return await checkPostgres(postgresConfig.parse({ url, ...options }), context, signal())
}

/** Everything that is not fine, as `level code`. */
const troubles = (findings: readonly Finding[]): string[] =>
  findings.filter(({ level }) => level !== 'ok').map(({ level, code }) => `${level} ${code}`)

/** Runs every fix of an error, as superuser, up to the comment behind it. */
async function applyFixes(server: PostgresServer, findings: readonly Finding[], database: string): Promise<void> {
  for (const { level, fix } of findings)
    if (level === 'error') await server.sql(fix!.replace(/ -- .*$/, ''), [], database)
}

await describeMajors([14, 17, 18], (server, major) => {
  it('finds nothing amiss with a prepared server and role', async () => {
    const url = await server().createDatabase()
    const database = new URL(url).pathname.slice(1)
    const role = `owner_${database}`
    await server().sql(
      `CREATE ROLE ${role} LOGIN REPLICATION; ALTER DATABASE ${database} OWNER TO ${role};
       SET ROLE ${role}; CREATE SCHEMA mine; CREATE TABLE mine.t (id int PRIMARY KEY)`,
      [],
      database,
    )
    const findings = await check(server().url(database, role), { tables: ['mine.*'] })
    expect(findings.filter(({ level }) => level === 'error')).toEqual([])
    expect(findings.map(({ code }) => code)).toContain('SOURCE_PUBLICATION')
    expect(troubles(findings).filter(trouble => trouble !== 'warning SOURCE_MINOR')).toEqual([
      'warning SOURCE_RETENTION',
    ])
  })

  it('names every privilege that is missing, and its statements mend it', async () => {
    const url = await server().createDatabase()
    const database = new URL(url).pathname.slice(1)
    const role = `weak_${database}`
    await server().sql(
      `CREATE ROLE ${role} LOGIN; CREATE SCHEMA "Mine";
       CREATE TABLE "Mine"."a table" (id int PRIMARY KEY);
       ALTER TABLE "Mine"."a table" ENABLE ROW LEVEL SECURITY`,
      [],
      database,
    )
    const options = { tables: ['Mine.*'] }
    const roleUrl = server().url(database, role)
    const findings = await check(roleUrl, options)
    expect(troubles(findings).filter(trouble => trouble.startsWith('error'))).toEqual([
      'error SOURCE_ROLE',
      'error TABLE_UNREADABLE',
      'error TABLE_ROW_SECURITY',
      'error SOURCE_PUBLICATION',
    ])
    await applyFixes(server(), findings, database)
    expect(troubles(await check(roleUrl, options)).filter(trouble => trouble.startsWith('error'))).toEqual([])
  })

  itIf(major >= 18, 'the setting begins with PostgreSQL 18')('warns of a slot that idles away', async () => {
    await server().sql('ALTER SYSTEM SET idle_replication_slot_timeout = 600')
    await server().sql('SELECT pg_reload_conf()')
    const url = await server().createDatabase()
    await server().sql('CREATE TABLE t (id int PRIMARY KEY)', [], new URL(url).pathname.slice(1))
    const found = (await check(url, { tables: ['public.t'] })).find(({ code }) => code === 'SOURCE_IDLE_TIMEOUT')
    expect(found?.message).toBe('A slot that is not read for 10 min 0 s is lost.')
  })
})

describe('a server that is not prepared', () => {
  let server: PostgresServer
  beforeAll(async () => {
    server = await startPostgres({
      settings: { wal_level: 'replica', max_replication_slots: '0', max_slot_wal_keep_size: '1GB' },
      auth: 'scram',
    })
    await server.sql(`
      CREATE TABLE good (id int PRIMARY KEY);
      CREATE TABLE keyless (id int);
      CREATE TABLE nullable (id int, UNIQUE (id));
      CREATE TABLE nothing (id int PRIMARY KEY); ALTER TABLE nothing REPLICA IDENTITY NOTHING;
      CREATE TABLE lazy (id int PRIMARY KEY DEFERRABLE);
      CREATE VIEW seen AS SELECT * FROM good;
      INSERT INTO good SELECT generate_series(1, 1000); ANALYZE good`)
  })
  afterAll(() => server[Symbol.asyncDispose]())

  it('is told what to set', async () => {
    const findings = await check(server.url(), { tables: ['public.good'] })
    expect(troubles(findings).filter(trouble => trouble.startsWith('error'))).toEqual([
      'error SOURCE_WAL_LEVEL',
      'error SOURCE_SLOTS',
    ])
    expect(findings.find(({ code }) => code === 'SOURCE_WAL_LEVEL')?.fix).toMatch(
      /^ALTER SYSTEM SET wal_level = 'logical';/,
    )
    expect(findings.find(({ code }) => code === 'SOURCE_RETENTION')?.message).toContain('1.0 GB')
  })

  it('names every table that cannot be captured and why', async () => {
    const tables = [
      'public.good',
      'public.Keyless',
      'public.keyless',
      'public.nullable',
      'public.nothing',
      'public.lazy',
      'public.seen',
    ]
    const findings = await check(server.url(), { tables, columns: { exclude: ['public.good.idd'] } })
    const messages = findings.filter(({ code }) => /^TABLE_|^CONFIG_/.test(code)).map(({ message }) => message)
    expect(messages).toEqual([
      'There is no table public.Keyless.',
      'public.seen is a view: capture the tables it reads.',
      'No captured table has the column public.good.idd.',
      'Rows of public.keyless cannot be told apart: it has no primary key.',
      'Rows of public.lazy cannot be told apart: its primary key cannot be used: it is deferrable.',
      'Rows of public.nothing cannot be told apart: its replica identity is NOTHING.',
      'Rows of public.nullable cannot be told apart: it has no primary key.',
    ])
    expect(findings.find(({ message }) => message.includes('public.Keyless'))?.fix).toContain(
      'Did you mean "public.keyless"?',
    )
  })

  it.each([
    ['a wrong password', (url: string) => url.replace(/:[^:@/]+@/, ':wrong@'), 'SOURCE_AUTH'],
    ['no password', (url: string) => url.replace(/:[^:@/]+@/, '@'), 'SOURCE_AUTH'],
    ['an unknown database', (url: string) => url.replace(/\/postgres$/, '/nowhere'), 'SOURCE_PREREQUISITE'],
    ['a port where nobody listens', (url: string) => url.replace(/:\d+\//, ':1/'), 'SOURCE_UNREACHABLE'],
    ['TLS that it does not offer', (url: string) => `${url}?sslmode=verify-full`, 'SOURCE_TLS'],
    ['an unknown sslmode', (url: string) => `${url}?sslmode=prefer`, 'CONFIG_URL'],
  ])('is not reached with %s, and the password is not told', async (_what, change, code) => {
    const findings = await check(change(server.url()), { tables: ['public.good'] })
    expect(findings).toMatchObject([{ level: 'error', code, fix: expect.any(String) }])
    expect(JSON.stringify(findings)).not.toMatch(/millstream|wrong/)
  })

  it('is discovered with sizes, keys, problems and the statements that prepare it', async () => {
    const { tables, sql } = await discoverPostgres(server.url(), 'shop', signal())
    expect(tables.find(({ table }) => table === 'good')).toMatchObject({ schema: 'public', key: ['id'], rows: 1000 })
    expect(tables.filter(({ problem }) => problem !== undefined).map(({ table }) => table)).toEqual([
      'keyless',
      'lazy',
      'nothing',
      'nullable',
    ])
    expect(sql[0]).toMatch(/wal_level/)
    const runnable = sql.slice(1)
    for (const statement of runnable) await server.sql(statement)
    const prepared = await check(server.url('postgres', 'tailrace', '...'), { tables: ['public.good'] })
    expect(prepared.filter(({ code }) => /^TABLE_|PUBLICATION|ROLE/.test(code)).map(({ level }) => level)).toEqual([
      'ok',
      'ok',
    ])
  })
})

it('refuses a standby', async () => {
  await using server = await startPostgres()
  await server.sql('CREATE TABLE t (id int PRIMARY KEY)')
  await writeFile(`${server.dataDir}/standby.signal`, '')
  await server.restart()
  const findings = await check(server.url(), { tables: ['public.t'] })
  expect(troubles(findings)).toContain('error SOURCE_STANDBY')
})
