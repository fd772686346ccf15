/** A condition of `where:` keeps the rows that a real PostgreSQL keeps by it. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import type { Column, LogicalType } from '../../runtime/contract.ts'
import { judgeOf } from '../../runtime/shape/judge.ts'
import { parseCondition } from '../../runtime/shape/parse.ts'
import { Random } from '../crash/random.ts'
import { type PostgresServer, startPostgres } from '../support/postgres.ts'
import { table } from '../support/records.ts'

interface Kind {
  readonly name: string
  readonly sql: string
  readonly kind: LogicalType['kind']
  /** As they are written in SQL; each is a value of a row and a literal of a condition. */
  readonly values: readonly string[]
  readonly isOrdered: boolean
  readonly isText?: true
}

const texts = (...values: string[]): string[] => values.map(value => `'${value}'`)
const KINDS: readonly Kind[] = [
  { name: 'i', sql: 'int', kind: 'int32', values: ['0', '1', '-1', '2147483647', '42'], isOrdered: true },
  {
    ...{ name: 'b', sql: 'bigint', kind: 'int64', isOrdered: true },
    values: ['0', '9007199254740993', '9007199254740992', '-9223372036854775808', '42'],
  },
  {
    ...{ name: 'n', sql: 'numeric', kind: 'decimal', isOrdered: true },
    values: ['0', '0.10', '0.1', '-0.1', '1e30', '123456789012345678901234567890.5', "'NaN'", '42', '9007199254740993'],
  },
  {
    ...{ name: 'f', sql: 'float8', kind: 'float64', isOrdered: true },
    values: ['0', '0.1', '-0.1', '1e300', '1e-300', "'NaN'", "'Infinity'", "'-Infinity'", '1.5', '0.30000000000000004'],
  },
  {
    ...{ name: 't', sql: 'text COLLATE "C"', kind: 'text', isOrdered: true, isText: true },
    values: texts('', 'a', 'A', 'ab', 'a b', 'é', 'z', '\u{1f600}', '\uffee', '50%', 'a_b', "it''s"),
  },
  {
    ...{ name: 'u', sql: 'uuid', kind: 'uuid', isOrdered: false },
    values: texts('6f9619ff-8b86-d011-b42d-00cf4fc964ff', '00000000-0000-0000-0000-000000000000'),
  },
  {
    ...{ name: 'd', sql: 'date', kind: 'date', isOrdered: true },
    values: texts('2026-01-31', '2026-02-01', '0044-03-15 BC', 'infinity', '-infinity', '5874897-12-31'),
  },
  {
    ...{ name: 'ts', sql: 'timestamp', kind: 'timestamp', isOrdered: true },
    values: texts(
      '2026-01-31 10:00:00',
      '2026-01-31 10:00:00.000001',
      '2026-01-31',
      '0001-01-01 00:00:00 BC',
      'infinity',
    ),
  },
  {
    ...{ name: 'tz', sql: 'timestamptz', kind: 'timestamptz', isOrdered: true },
    values: texts(
      ...['2026-01-31 10:00:00+00', '2026-01-31 11:00:00+01', '2026-01-31 05:30:00.5-04:30', '1883-11-18 12:00:00-05'],
      ...['0044-03-15 12:00:00+00 BC', '-infinity', '2024-02-29 23:59:59.999999Z', '2100-03-01 00:00:00Z'],
    ),
  },
  { name: 'ti', sql: 'time', kind: 'time', values: texts('10:00:00', '24:00:00', '00:00:00.5'), isOrdered: true },
  {
    ...{ name: 'tt', sql: 'timetz', kind: 'timetz', isOrdered: true },
    values: texts('10:00:00+00', '11:00:00+01', '09:00:00-01', '10:00:00.000001+00'),
  },
  { name: 'y', sql: 'bytea', kind: 'bytes', values: texts('\\x', '\\x00ff', '\\x61'), isOrdered: false },
  { name: 'o', sql: 'boolean', kind: 'boolean', values: ['true', 'false'], isOrdered: false },
]
const PATTERNS = texts('%', '', '_', 'a%', '%b', '%_b', 'a\\_b', '50\\%', '%é%', '__')
const ROWS = 150
const CONDITIONS = 600

function pick<T>(random: Random, list: readonly T[]): T {
  return list[random.between(0, list.length)]!
}

function test(random: Random): string {
  const kind = pick(random, KINDS)
  const { name, values } = kind
  const value = (): string => (random.between(0, 12) === 0 ? 'null' : pick(random, values))
  const not = pick(random, ['', 'not '])
  switch (random.between(0, 7)) {
    case 0:
      return `${name} is ${not}null`
    case 1:
      return `${name} ${not}in (${Array.from({ length: random.between(1, 5) }, value).join(', ')})`
    case 2:
      if (kind.isOrdered) return `${name} ${not}between ${value()} and ${value()}`
      return `${value()} <> ${name}`
    case 3:
      if (kind.isText) return `${name} ${not}like ${pick(random, PATTERNS)}`
      if (kind.kind === 'boolean') return pick(random, [name, `${name} is ${not}true`, `${name} is ${not}false`])
      return pick(random, ['i = b', 'b < n', 'n >= i', 'b <> i'])
    default:
      return `${name} ${pick(random, kind.isOrdered ? ['=', '<>', '!=', '<', '<=', '>', '>='] : ['=', '<>'])} ${value()}`
  }
}

function condition(random: Random, depth: number): string {
  const inner = (): string => condition(random, depth - 1)
  if (depth === 0) return test(random)
  switch (random.between(0, 5)) {
    case 0:
      return `${inner()} and ${inner()}`
    case 1:
      return `${inner()} OR ${inner()}`
    case 2:
      return `not (${inner()})`
    case 3:
      return `(${inner()} or ${inner()}) and ${inner()}`
    default:
      return test(random)
  }
}

describe('a condition', () => {
  let server: PostgresServer
  beforeAll(async () => {
    server = await startPostgres()
  })
  afterAll(() => server?.[Symbol.asyncDispose]())

  it('keeps the rows that PostgreSQL keeps', async () => {
    const random = new Random(20_261_201)
    const database = new URL(await server.createDatabase()).pathname.slice(1)
    const definitions = KINDS.map(({ name, sql }) => `${name} ${sql}`).join(', ')
    const rows = Array.from({ length: ROWS }, (_, id) => {
      const values = KINDS.map(({ values: some }) => (random.between(0, 5) === 0 ? 'NULL' : pick(random, some)))
      return `(${[id, ...values].join(', ')})`
    })
    await server.sql(
      `CREATE TABLE x (id int PRIMARY KEY, ${definitions}); INSERT INTO x VALUES ${rows.join(', ')}`,
      [],
      database,
    )
    await using client = await connected(server, database)
    const held = (await client.query(`SELECT id::text, ${KINDS.map(({ name }) => `${name}::text`).join(', ')} FROM x`))
      .rows
    expect(held.length).toBe(ROWS)
    const columns = KINDS.map(({ name, sql, kind }): Column => {
      return { name, type: { kind } as LogicalType, declared: sql, nullable: true }
    })
    const of = table('x', { columns, key: [] })
    let some = 0
    for (let i = 0; i < CONDITIONS; i++) {
      const text = condition(random, random.between(0, 4))
      const judge = judgeOf(parseCondition(text), of)
      const kept = held.filter(row => judge({ value: column => row[columns[column]!.name] ?? null }) === true)
      const wanted = (await client.query(`SELECT id::text FROM x WHERE ${text} ORDER BY x.id`)).rows
      expect([text, kept.map(({ id }) => id).toSorted(byNumber)]).toEqual([text, wanted.map(({ id }) => id)])
      if (wanted.length > 0 && wanted.length < ROWS) some++
    }
    expect(some).toBeGreaterThan(CONDITIONS / 2)
  })
})

const byNumber = (a: string, b: string): number => Number(a) - Number(b)

async function connected(server: PostgresServer, database: string) {
  const client = await server.connect(database)
  await client.query("SET timezone = 'UTC'; SET datestyle = 'ISO'; SET extra_float_digits = 1")
  return Object.assign(client, { [Symbol.asyncDispose]: () => client.end() })
}
