import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import type { SinkContext, Target } from '../../runtime/contract.ts'
import duckdb from '../../sinks/duckdb.ts'
import jsonl from '../../sinks/jsonl.ts'
import postgres from '../../sinks/postgres.ts'
import sqlite from '../../sinks/sqlite.ts'
import { redisProgram } from '../support/cached-redis.ts'
import { type PostgresServer, startPostgres } from '../support/postgres.ts'
import { startRedis } from '../support/redis.ts'
import { itIf } from '../support/skip.ts'
import { runSource } from '../support/source-run.ts'
import { BUILT_IN } from '../support/types/built-in.ts'
import { entriesOf, placesOf } from '../support/types/entries.ts'
import { context, fill } from '../support/types/fill-sink.ts'
import { ARRAYS, MADE_DDL } from '../support/types/made.ts'
import { ALL, SINKS, typedLog } from '../support/types/page.ts'
import { postgresForms } from '../support/types/postgres-forms.ts'
import { redisForms } from '../support/types/redis-forms.ts'
import { type Form, type Forms, inFolder, type TypedLog } from '../support/types/sink-forms.ts'
import type { TypeCase } from '../support/types/type-case.ts'
import { INSERTED, readTyped, UPDATED } from '../support/types/typed-table.ts'

const redisProblem = await redisProgram().then(
  () => undefined,
  (error: unknown) => String(error),
)

/** 63 bytes, names of members of objects, quotes, escapes of file names, of URLs, of SQL and of JSON. */
const NAMES = [
  ...['__proto__', 'constructor', 'a"b', "a'b", 'a\\b', 'new\nline', '\ttab', ' ', 'a.b', '*', 'A', 'a', 'Ä', 'ä'],
  ...[
    'é'.repeat(31),
    'n'.repeat(63),
    '\u{1f600}',
    '\ufeff',
    '%41',
    '{table}',
    '$HOME',
    '--',
    ';',
    '?',
    '$1',
    '0',
    '-1',
  ],
  ...['select', 'rowid', '_rowid', '_deleted', '_log', '_version', 'key', 'value', 'complete', 'toJSON', 'length'],
]

/** Built-in types that are text in PostgreSQL itself: their values depend on the catalog, or on the version of the server. */
const AS_TEXT = /^("char"|aclitem|reg.*|numeric\(5,-2\))$/

type Open = (config: unknown, context: SinkContext) => Promise<Target>

describe('sinks fed from PostgreSQL', () => {
  let server: PostgresServer
  let cases: readonly TypeCase[]
  let log: TypedLog

  beforeAll(async () => {
    server = await startPostgres()
    await server.sql('CREATE ROLE owner LOGIN REPLICATION')
    await server.sql('CREATE DATABASE types OWNER owner')
    const available = await server.sql('SELECT name FROM pg_available_extensions')
    const has = new Set(available.map(({ name }) => name))
    cases = ALL.filter(
      ({ since, extension }) => since <= server.major && (extension === undefined || has.has(extension)),
    )
    const extensions = new Set(cases.flatMap(({ extension }) => extension ?? []))
    const create = [...extensions].map(name => `CREATE EXTENSION ${name} SCHEMA public;`)
    await server.sql(`${create.join(' ')} ${MADE_DDL}`, [], 'types')
    const { run } = await readTyped(server, 'types', 'owner', cases)
    const places = placesOf(entriesOf(cases, server.major), [0, INSERTED, UPDATED])
    log = { id: run.log.id, batches: run.batches, places }
  })
  afterAll(() => server?.[Symbol.asyncDispose]())

  /** What the page says, of rows that were loaded, inserted and updated. */
  async function documented(read: (log: TypedLog) => Promise<Forms>): Promise<readonly Form[]> {
    const { forms } = await read(typedLog(cases))
    return [...forms, ...forms, ...forms]
  }

  it('types of every extension that comes with PostgreSQL are among them', () => {
    expect(cases.map(({ extension }) => extension)).toEqual(
      expect.arrayContaining(['citext', 'hstore', 'ltree', 'cube', 'seg', 'isn', 'intarray']),
    )
  })

  it.each(Object.entries(SINKS))('hold every value as docs/types.md says: %s', async (_, read) => {
    expect((await read(log)).forms).toEqual(await documented(read))
  })

  itIf(redisProblem === undefined, redisProblem ?? '')('hold every value as docs/types.md says: redis', async () => {
    await using redis = await startRedis()
    expect((await redisForms(redis, 0, 'json', log)).forms).toEqual(await documented(SINKS.json))
    const texts = entriesOf(cases, server.major).map(({ value }) => ({ type: 'hash', text: value.text }))
    expect((await redisForms(redis, 1, 'hash', log)).forms).toEqual([...texts, ...texts, ...texts])
  })

  it('come back as the same type with the same text: postgres', async () => {
    const { forms, back } = await postgresForms(server, log)
    const entries = entriesOf(cases, server.major)
    const isSame = ({ type }: TypeCase): boolean => !AS_TEXT.test(type)
    const native = new Set([...BUILT_IN, ...ARRAYS].filter(isSame))
    const expected = entries.map(({ of, value }) => ({
      type: native.has(of) ? of.type : expect.any(String),
      text: value.text,
    }))
    expect(forms).toEqual([...expected, ...expected, ...expected])
    for (const [row, { column, value }] of entries.entries())
      expect(back.get(String(row))?.get(`c${column}`)).toBe(value.text)
  })

  it('hold columns of any name, in a table of any name', async () => {
    const quoted = NAMES.map(name => `"${name.replaceAll('"', '""')}"`)
    const list = quoted.join(', ')
    const table = `"__proto__"."a ""b"".\n%c"`
    const sql = (text: string): Promise<unknown> => server.sql(text, [], 'names')
    await server.sql('CREATE DATABASE names OWNER owner')
    await sql(`CREATE SCHEMA "__proto__" AUTHORIZATION owner;
      CREATE TABLE ${table} (${quoted.map(name => `${name} text`).join(', ')}, PRIMARY KEY (${quoted[0]}, ${quoted[1]}));
      ALTER TABLE ${table} OWNER TO owner; INSERT INTO ${table} VALUES (${NAMES.map((_, i) => `'loaded ${i}'`)})`)
    const change = `INSERT INTO ${table} VALUES (${NAMES.map((_, i) => `'new ${i}'`)});
      UPDATE ${table} SET (${list}) = ROW(${NAMES.map((_, i) => `'updated ${i}'`)}) WHERE ${quoted[0]} = 'new 0'`
    const { log, batches } = await runSource({ url: server.url('names', 'owner'), tables: ['__proto__.*'] }, 3, () =>
      sql(change),
    )
    const rows = ['loaded', 'updated'].map(word => new Map(NAMES.map((name, i) => [name, `${word} ${i}`])))
    const expected = new Map(rows.map(row => [row.get(NAMES[0]!), row]))
    for (const batch of batches)
      for (const { kind, table } of batch)
        if (kind === 's') expect(table.columns.map(({ name }) => name)).toEqual(NAMES)
    await inFolder(async folder => {
      for (const [i, plugin] of [sqlite, jsonl, duckdb].entries()) {
        const path = join(folder, String(i))
        const mode = plugin === jsonl ? { mode: 'state' } : {}
        const target = await (plugin.open as Open)(plugin.config.parse({ path, ...mode }), context)
        expect((await fill(target, { id: log.id, batches })).back).toEqual(expected)
      }
    })
    const url = await server.createDatabase()
    const target = await postgres.open(postgres.config.parse({ url }), context)
    expect((await fill(target, { id: log.id, batches })).back).toEqual(expected)
  })
})
