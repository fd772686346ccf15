import { beforeAll, expect, it } from '@jest/globals'
import { checkPostgres } from '../../connectors/postgres/check.ts'
import { postgresConfig } from '../../connectors/postgres/config.ts'
import { createLogger } from '../../runtime/logger.ts'
import type { Major } from '../support/cached-postgres.ts'
import { describeMajors } from '../support/majors.ts'
import { runSource } from '../support/source-run.ts'
import type { Arrived } from '../support/types/arrived.ts'
import { BUILT_IN } from '../support/types/built-in.ts'
import { entriesOf } from '../support/types/entries.ts'
import { hostileRole } from '../support/types/hostile-role.ts'
import { ARRAYS, MADE, MADE_DDL } from '../support/types/made.ts'
import { type TypeCase, typeCase } from '../support/types/type-case.ts'
import { readTyped } from '../support/types/typed-table.ts'

/** Of a load and of the stream, value by value. */
function expectParity(arrived: Arrived, cases: readonly TypeCase[], major: Major): void {
  const { loaded, inserted, updated, beside, before, texts, types, declared } = arrived
  const entries = entriesOf(cases, major)
  expect(loaded).toHaveLength(entries.length + 1)
  expect(inserted).toEqual(loaded)
  expect(updated).toEqual(loaded)
  expect(beside).toEqual(loaded)
  expect(before).toEqual(texts)
  const expected = entries.map(({ column, value }) => cases.map((_, i) => (i === column ? value.text : null)))
  expect(texts).toEqual([...expected, cases.map(() => null)])
  expect(types).toEqual(cases.map(({ logical }) => logical))
  expect(declared).toEqual(cases.map(({ type }) => type))
}

await describeMajors([14, 17, 18], (server, major) => {
  const cases = [...BUILT_IN, ...ARRAYS, ...MADE].filter(({ since }) => since <= major)

  const database = async (name: string, ddl = '', rest = ''): Promise<void> => {
    await server().sql(`CREATE DATABASE ${name} OWNER hostile ${rest}`)
    if (ddl !== '') await server().sql(ddl, [], name)
  }

  beforeAll(async () => {
    await server().sql(hostileRole('hostile'))
  })

  it('a value is the same bytes, loaded, inserted, updated and read beside the stream, and its type is known, whatever the role is set to', async () => {
    await database('types', MADE_DDL)
    expectParity(await readTyped(server(), 'types', 'hostile', cases), cases, major)
  })

  it('no type of the server is missing here', async () => {
    const rows = await server().sql(
      `SELECT typname FROM pg_type WHERE typnamespace = 'pg_catalog'::regnamespace
         AND typtype IN ('b', 'd', 'e', 'm', 'r') AND typinput <> 'array_in'::regproc`,
    )
    const known = new Set(BUILT_IN.map(({ name }) => name))
    expect(rows.map(({ typname }) => typname).filter(name => !known.has(name!))).toEqual([])
  })

  if (major === 18) return

  it('a single "char" beyond ASCII is a byte where the server prints it as one', async () => {
    await database('chars', 'CREATE TABLE t (id int PRIMARY KEY, c "char"); ALTER TABLE t OWNER TO hostile')
    const write = (): Promise<unknown> => server().sql(`INSERT INTO t VALUES (2, (-56)::"char")`, [], 'chars')
    await server().sql(`INSERT INTO t VALUES (1, (-56)::"char")`, [], 'chars')
    const { batches } = await runSource({ url: server().url('chars', 'hostile'), tables: ['public.t'] }, 1, write)
    const texts: (string | null)[] = []
    for (const batch of batches) for (const change of batch) if (change.kind !== 's') texts.push(change.text(1))
    const expected = major === 14 ? '\\xc8' : '\\310'
    expect(texts).toEqual([expected, expected])
  })

  if (major === 14) return

  it('bytes that are no text, which databases without an encoding hold, stay as they are', async () => {
    await database('plain', '', `TEMPLATE template0 ENCODING 'SQL_ASCII' LOCALE 'C'`)
    const ddl = `CREATE FUNCTION raw(bytes bytea) RETURNS text LANGUAGE sql AS $$ SELECT convert_from(bytes, 'SQL_ASCII') $$;
      CREATE TABLE t (id int PRIMARY KEY, body text, list text[], tag name); ALTER TABLE t OWNER TO hostile`
    const row = (id: number): string =>
      `INSERT INTO t VALUES (${id}, raw('\\x61ff'), ARRAY[raw('\\xc328'), 'a b'], raw('\\xed')::name),
         (${id + 1}, raw('\\xc3a9'), '{}', '')`
    await server().sql(`${ddl}; ${row(1)}`, [], 'plain')
    const { batches } = await runSource({ url: server().url('plain', 'hostile'), tables: ['public.t'] }, 4, () =>
      server().sql(`${row(3)}; UPDATE t SET body = body WHERE id > 2`, [], 'plain'),
    )
    const rows: string[] = []
    for (const batch of batches)
      for (const change of batch) {
        if (change.kind === 's') continue
        const tags = [1, 2, 3].map(i => String.fromCharCode(change.tag(i))).join('')
        rows.push(`${tags} ${[1, 2, 3].map(i => change.text(i)).join(' ')}`)
      }
    const [odd, even] = [String.raw`bbb \x61ff \x7bc3282c22612062227d \xed`, 'ttt é {} ']
    expect(rows).toEqual([odd, even, odd, even, odd, even])
  })

  it('text of another encoding arrives as UTF-8', async () => {
    await database('latin', '', `TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C'`)
    const latin = [typeCase('text', 'text', 'text', ['é', 'ÿ']), typeCase('"char"', 'char', 'text', ['x'])]
    expectParity(await readTyped(server(), 'latin', 'hostile', latin), latin, major)
  })

  it('a type that nobody knows is carried as text, with a warning', async () => {
    await database(
      'odd',
      `CREATE TYPE odd;
       CREATE FUNCTION odd_in(cstring) RETURNS odd IMMUTABLE STRICT LANGUAGE internal AS 'textin';
       CREATE FUNCTION odd_out(odd) RETURNS cstring IMMUTABLE STRICT LANGUAGE internal AS 'textout';
       CREATE TYPE odd (INPUT = odd_in, OUTPUT = odd_out, CATEGORY = 'U');
       CREATE DOMAIN odder AS odd[]`,
    )
    const lines: string[] = []
    const logger = createLogger('warn', { write: line => lines.push(line) })
    const url = server().url('odd', 'hostile')
    const sql = (text: string): Promise<unknown> => server().sql(text, [], 'odd')
    await sql(`CREATE TABLE t (id int PRIMARY KEY, a odd, b odder); ALTER TABLE t OWNER TO hostile;
      INSERT INTO t VALUES (1, '{x', '{"{x",y}')`)
    const { batches } = await runSource(
      { url, tables: ['public.t'] },
      1,
      () => sql(`ALTER TABLE t ADD COLUMN later odd; INSERT INTO t VALUES (2, '{x', '{"{x",y}', 'z')`),
      logger,
    )
    const rows: unknown[] = []
    for (const batch of batches) for (const change of batch) if (change.kind !== 's') rows.push(change.toObject())
    expect(rows).toEqual([
      { id: 1, a: '{x', b: ['{x', 'y'] },
      { id: 2, a: '{x', b: ['{x', 'y'], later: 'z' },
    ])
    const warned = lines.map(line => (JSON.parse(line) as { columns?: unknown }).columns).filter(Boolean)
    expect(warned).toEqual([
      ['a (public.odd)', 'b (public.odder)'],
      ['a (public.odd)', 'b (public.odder)', 'later (public.odd)'],
    ])
    const context = { pipeline: 'odd', name: 'app', logger, folder: '' }
    const findings = await checkPostgres(
      postgresConfig.parse({ url, tables: ['public.t'] }),
      context,
      AbortSignal.timeout(10_000),
    )
    expect(findings.find(({ code }) => code === 'SOURCE_TYPES')).toMatchObject({
      level: 'warning',
      message: expect.stringContaining('later (public.odd)'),
    })
  })
})
