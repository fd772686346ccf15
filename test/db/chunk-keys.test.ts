import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import type { Chunk } from '../../runtime/contract.ts'
import { ChunkRig, keysOf } from '../support/chunks.ts'
import { gather } from '../support/exported.ts'
import { type PostgresServer, startPostgres } from '../support/postgres.ts'

let server: PostgresServer
beforeAll(async () => {
  server = await startPostgres({ settings: { max_replication_slots: '60' } })
})
afterAll(() => server[Symbol.asyncDispose]())

/** The columns of the key, what makes their types, and values in no order. */
const CASES: readonly [what: string, columns: string, values: readonly string[], ddl?: string][] = [
  ['integers', 'a int', ['-1', '0', '10', '9', '2147483647', '-2147483648']],
  ['64-bit integers', 'a bigint', ['9007199254740993', '9007199254740992', '-9223372036854775808', '0']],
  ['numerics', 'a numeric', ["'NaN'", '1.10', '1.1000000000000000000001', '-0.5', "'Infinity'", '1e100']],
  ['floats', 'a float8', ["'NaN'", "'-Infinity'", "'-0'", '0.1', '1e23', '5e-324']],
  ['text of the C locale', 'a text COLLATE "C"', ["'a'", "'B'", "'b'", "''", "'é'", "E'\\\\'", "'it''s'", "E'\\t'"]],
  ['text of a language', 'a text COLLATE "en-x-icu"', ["'a'", "'B'", "'b'", "'-a'", "'é'", "'e'", "'z'", "'🎉'"]],
  [
    'text whose case does not count',
    'a text COLLATE nocase',
    ["'a'", "'B'", "'C'", "'d'", "'É'"],
    `CREATE COLLATION nocase (provider = icu, locale = 'und-u-ks-level2', deterministic = false)`,
  ],
  [
    'text of an extension',
    'a public.citext',
    ["'a'", "'B'", "'C'", "'d'", "'_'"],
    'CREATE EXTENSION citext SCHEMA public',
  ],
  ['padded text', 'a char(5)', ["'a'", "'ab'", "'  b'", "'abcde'"]],
  [
    'uuids',
    'a uuid',
    ["'ffffffff-0000-0000-0000-000000000000'", "'00000000-0000-0000-0000-000000000001'", 'gen_random_uuid()'],
  ],
  [
    'times with zone',
    'a timestamptz',
    ["'infinity'", "'-infinity'", "'2024-03-31 02:30+02'", "'4713-01-01 BC'", "'294276-01-01'"],
  ],
  ['dates', 'a date', ["'infinity'", "'0044-03-15 BC'", "'2024-02-29'"]],
  ['intervals', 'a interval', ["'1 mon'", "'29 days'", "'-1 s'", "'1000 years'"]],
  ['bytes', 'a bytea', ["'\\x00'", "'\\x'", "'\\xff'", "'\\x5c27'"]],
  ['enums', 'a mood', ["'ok'", "'sad'", "'happy'"], "CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy')"],
  [
    'composites',
    'a pair',
    ["'(1,b)'", '\'(1,"a b")\'', "'(-1,)'", '\'(2,"x""y")\''],
    'CREATE TYPE pair AS (x int, y text)',
  ],
  ['domains', 'a positive', ['3', '1', '20'], 'CREATE DOMAIN positive AS int CHECK (VALUE > 0)'],
  ['arrays', 'a int[]', ["'{1,2}'", "'{}'", "'{{1,2},{3,4}}'", "'{NULL}'", "'[0:1]={1,2}'"]],
  ['ranges', 'a int4range', ["'[1,5)'", "'empty'", "'(,3)'"]],
  ['addresses', 'a inet', ["'10.0.0.1'", "'10.0.0.0/8'", "'::1'"]],
  ['bits', 'a bit(4)', ["'0000'", "'1111'", "'0101'"]],
  ['booleans', 'a boolean', ['true', 'false']],
  ['several columns', 'a int, b text COLLATE "C"', ["1, 'b'", "1, 'a'", "0, 'z'", "2, ''", "1, 'B'"]],
  [
    'several columns of which one is of an extension',
    'a citext, b int, c text',
    ["'a', 2, 'x'", "'a', 10, 'x'", "'B', 1, 'y'", "'a', 2, 'Y'", "'c', 0, ''"],
    'CREATE EXTENSION citext',
  ],
  ['names of every kind', '"from" int, "a ""b""" text', ["1, 'b'", "1, 'a'", "0, 'z'"]],
]

const nameOf = (column: string): string => /^("(?:[^"]|"")+"|\w+)/.exec(column)![0]
const textOf = (chunks: readonly Chunk[]): string[] =>
  chunks.flatMap(({ rows }) => Array.from(rows, change => (change.kind === 'r' ? [change.text(0)!] : [])).flat())

describe('keys of', () => {
  it.each(CASES.map(([what, columns, values, ddl = '']) => ({ what, columns, values, ddl })))(
    '$what: all are read in the database’s order, and each is found by itself',
    async ({ columns, values, ddl }) => {
      const names = columns.split(/, (?=["\w])/).map(nameOf)
      // A row fills a chunk on its own: each chunk goes on at a key.
      await using rig = await ChunkRig.of(
        server,
        `${ddl}; CREATE TABLE t (id int, ${columns}, body text STORAGE EXTERNAL, PRIMARY KEY (${names.join(', ')}));
       ${values.map((value, i) => `INSERT INTO t VALUES (${i}, ${value}, repeat('x', 2100000))`).join('; ')}`,
        { snapshot: 'never' },
      )
      const order = (await rig.sql(`SELECT id FROM t ORDER BY ${names.join(', ')}`)).map(({ id }) => id!)
      const chunks = await gather(rig.load({ kind: 'range' }))
      expect(textOf(chunks)).toEqual(order)
      expect(chunks).toHaveLength(values.length)
      expect(chunks.slice(1).map(({ from }) => from)).toEqual(chunks.slice(0, -1).map(({ to }) => to))
      const keys = keysOf(chunks).map(key => Buffer.from(key, 'hex'))
      const [from, to] = [keys[1]!, keys.at(-1)!]
      expect(textOf(await gather(rig.load({ kind: 'range', from, to })))).toEqual(order.slice(1, -1))
      expect(textOf(await gather(rig.load({ kind: 'keys', keys: keys.toReversed() })))).toEqual(order.toReversed())
    },
  )

  it('an index that is not in the type’s own order are read in that of the index', async () => {
    await using rig = await ChunkRig.of(
      server,
      `CREATE TABLE t (id int, a text COLLATE "en-x-icu" NOT NULL, body text); CREATE UNIQUE INDEX k ON t (a text_pattern_ops);
       ALTER TABLE t REPLICA IDENTITY USING INDEX k;
       INSERT INTO t SELECT i, CASE i % 2 WHEN 0 THEN 'a' ELSE 'B' END || i, '' FROM generate_series(1, 25000) i`,
    )
    const order = (await rig.sql('SELECT id FROM t ORDER BY a USING ~<~')).map(({ id }) => id!)
    expect(textOf(await gather(rig.load({ kind: 'range' })))).toEqual(order)
  })
})
