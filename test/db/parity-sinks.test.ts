import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { redisProgram } from '../support/cached-redis.ts'
import { type PostgresServer, startPostgres } from '../support/postgres.ts'
import { startRedis } from '../support/redis.ts'
import { itIf } from '../support/skip.ts'
import { entriesOf, placesOf } from '../support/types/entries.ts'
import { MADE_DDL } from '../support/types/made.ts'
import { ALL, SINKS, typedLog } from '../support/types/page.ts'
import { redisForms } from '../support/types/redis-forms.ts'
import type { Form, Forms, TypedLog } from '../support/types/sink-forms.ts'
import type { TypeCase } from '../support/types/type-case.ts'
import { INSERTED, readTyped, UPDATED } from '../support/types/typed-table.ts'

const redisProblem = await redisProgram().then(
  () => undefined,
  (error: unknown) => String(error),
)

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
})
