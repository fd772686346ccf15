import { expect, it } from '@jest/globals'
import type { LogicalType } from '../../runtime/contract.ts'
import { Exported, loadedRows } from '../support/exported.ts'
import { describeMajors } from '../support/majors.ts'

const LONG_NUMBER = `${'9'.repeat(600)}.${'1'.repeat(400)}`

/** Each type with its extremes; `text`: how the server prints it, where that is not what was written. */
const VALUES: readonly {
  type: string
  kind: LogicalType['kind']
  values: readonly string[]
  text?: readonly string[]
}[] = [
  { type: 'boolean', kind: 'boolean', values: ['t', 'f'] },
  { type: 'smallint', kind: 'int16', values: ['-32768', '32767'] },
  { type: 'integer', kind: 'int32', values: ['-2147483648', '2147483647'] },
  { type: 'bigint', kind: 'int64', values: ['-9223372036854775808', '9223372036854775807', '9007199254740993'] },
  { type: 'oid', kind: 'int64', values: ['4294967295', '0'] },
  { type: 'real', kind: 'float32', values: ['3.4028235e+38', '1e-45', 'NaN', 'Infinity', '-Infinity', '-0', '0.1'] },
  {
    type: 'double precision',
    kind: 'float64',
    values: ['1.7976931348623157e+308', '5e-324', 'NaN', 'Infinity', '-Infinity', '-0', '0.30000000000000004'],
  },
  {
    type: 'numeric',
    kind: 'decimal',
    values: [LONG_NUMBER, '-0.00', 'NaN', '1.50'],
    text: [LONG_NUMBER, '0.00', 'NaN', '1.50'],
  },
  { type: 'numeric(38,10)', kind: 'decimal', values: ['1234567890123456789012345678.0123456789'] },
  { type: 'money', kind: 'other', values: ['-92233720368547758.08'], text: ['-$92,233,720,368,547,758.08'] },
  {
    type: 'text',
    kind: 'text',
    values: ['', '\\N', 'NULL', 'tab\tnew\nline\rback\\slash\b\f\v', '\ufeffbom', 'é\u{1f600}', '"\''],
  },
  { type: 'varchar(20)', kind: 'text', values: ['twenty characters ok'] },
  { type: 'char(6)', kind: 'text', values: ['ab'], text: ['ab    '] },
  { type: '"char"', kind: 'text', values: ['x'] },
  { type: 'name', kind: 'text', values: ['a name'] },
  { type: 'bytea', kind: 'bytes', values: ['\\x', '\\x00ff5c5c0a'] },
  {
    type: 'date',
    kind: 'date',
    values: ['infinity', '-infinity', '4713-01-01 BC', '5874897-12-31', '2024-02-29'],
    text: ['infinity', '-infinity', '4713-01-01 BC', '5874897-12-31', '2024-02-29'],
  },
  { type: 'time', kind: 'time', values: ['24:00:00', '00:00:00.000001'] },
  { type: 'time(3)', kind: 'time', values: ['12:34:56.789'] },
  { type: 'timetz', kind: 'timetz', values: ['24:00:00-15:59', '12:00:00.5+05:30'] },
  {
    type: 'timestamp',
    kind: 'timestamp',
    values: ['infinity', '-infinity', '294276-12-31 23:59:59.999999', '4713-01-01 00:00:00 BC'],
  },
  {
    type: 'timestamptz',
    kind: 'timestamptz',
    values: ['infinity', '294276-12-31 23:59:59.999999+00', '2024-03-02 00:00:00+05'],
    text: ['infinity', '294276-12-31 23:59:59.999999+00', '2024-03-01 19:00:00+00'],
  },
  {
    type: 'interval',
    kind: 'interval',
    values: ['1 year 2 mons 3 days 04:05:06.789', '-178000000 years', '00:00:00'],
    text: ['P1Y2M3DT4H5M6.789S', 'P-178000000Y', 'PT0S'],
  },
  { type: 'uuid', kind: 'uuid', values: ['a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'] },
  { type: 'json', kind: 'json', values: ['{"b": 1,  "a":12345678901234567890}', 'null'] },
  { type: 'jsonb', kind: 'json', values: ['{"a": 12345678901234567890, "b": 1}', 'null'] },
  { type: 'xml', kind: 'xml', values: ['<a b="c">d</a>'] },
  { type: 'bit(5)', kind: 'bits', values: ['10101'] },
  { type: 'varbit', kind: 'bits', values: ['', '1', '101010101'] },
  { type: 'inet', kind: 'other', values: ['192.168.0.1/24', '::1'] },
  { type: 'cidr', kind: 'other', values: ['10.0.0.0/8'] },
  { type: 'macaddr', kind: 'other', values: ['08:00:2b:01:02:03'] },
  { type: 'macaddr8', kind: 'other', values: ['08:00:2b:01:02:03:04:05'] },
  { type: 'point', kind: 'other', values: ['(1,-0.5)'] },
  { type: 'box', kind: 'other', values: ['(3,4),(1,2)'] },
  { type: 'polygon', kind: 'other', values: ['((0,0),(1,1))'] },
  { type: 'int4range', kind: 'other', values: ['[1,5)', 'empty', '(,)'] },
  { type: 'int4multirange', kind: 'other', values: ['{[1,3),[5,7)}', '{}'] },
  { type: 'tsvector', kind: 'other', values: ["'a':1A 'fat':2 'it''s':3"] },
  { type: 'tsquery', kind: 'other', values: ["'a' & 'b'"] },
  { type: 'pg_lsn', kind: 'other', values: ['16/B374D848'] },
  { type: 'int2vector', kind: 'other', values: ['1 2 3'] },
  { type: 'integer[]', kind: 'array', values: ['{}', '{1,NULL,3}', '[0:1]={1,2}', '{{1,2},{3,4}}'] },
  { type: 'text[]', kind: 'array', values: ['{NULL,"NULL","a,b","q\\"q","back\\\\slash",""}'] },
  { type: 'box[]', kind: 'other', values: ['{(3,4),(1,2);(1,1),(0,0)}'] },
  { type: 'timestamptz[]', kind: 'array', values: ['{"2024-03-01 19:00:00+00",infinity}'] },
  { type: 'public.mood', kind: 'enum', values: ['so so', 'happy'] },
  { type: 'public.mood[]', kind: 'array', values: ['{"so so",happy}'] },
  { type: 'public.price', kind: 'decimal', values: ['12.50'] },
  { type: 'public.pair', kind: 'other', values: ['(1,"a b")', '(,)'] },
]

const HOSTILE = `
  ALTER ROLE reader SET datestyle = 'SQL, DMY';
  ALTER ROLE reader SET intervalstyle = 'sql_standard';
  ALTER ROLE reader SET bytea_output = 'escape';
  ALTER ROLE reader SET timezone = 'Asia/Kathmandu';
  ALTER ROLE reader SET extra_float_digits = -15;
  ALTER ROLE reader SET client_encoding = 'LATIN1';
  ALTER ROLE reader SET search_path = 'nowhere';
  ALTER ROLE reader SET standard_conforming_strings = off;
  ALTER ROLE reader SET statement_timeout = '1ms';
  ALTER ROLE reader SET lock_timeout = '1ms';
  ALTER ROLE reader SET idle_in_transaction_session_timeout = '1ms';
  ALTER ROLE reader SET default_transaction_isolation = 'serializable';`

await describeMajors([14, 17, 18], server => {
  it('every built-in type arrives as the text that the server prints, whatever the role is set to', async () => {
    await server().sql(`
      CREATE TYPE public.mood AS ENUM ('so so', 'happy');
      CREATE DOMAIN public.price AS numeric(8,2) CHECK (VALUE > 0);
      CREATE TYPE public.pair AS (n int, t text);
      CREATE ROLE reader LOGIN;
      GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader;
      ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO reader;`)
    const list = VALUES.map(({ type }, i) => `c${i} ${type}`).join(', ')
    await server().sql(`CREATE TABLE types (id int PRIMARY KEY, ${list})`)
    const most = Math.max(...VALUES.map(({ values }) => values.length))
    for (let row = 0; row <= most; row++)
      await server().sql(
        `INSERT INTO types VALUES ($1, ${VALUES.map(({ type }, i) => `$${i + 2}::text::${type}`).join(', ')})`,
        [row, ...VALUES.map(({ values }) => values[row] ?? null)],
      )
    await server().sql(HOSTILE)

    await using exported = await Exported.open(
      server().url('postgres', 'reader'),
      { tables: ['public.types'] },
      [],
      server().url(),
    )
    const rows = await loadedRows(exported.load('types'))
    const expected = Array.from({ length: most + 1 }, (_, row) => [
      String(row),
      ...VALUES.map(({ values, text = values }) => text[row] ?? null),
    ])
    expect(rows.sort((a, b) => Number(a[0]) - Number(b[0]))).toEqual(expected)
    const { columns } = exported.one('types').table
    expect(columns.slice(1).map(({ type }) => type.kind)).toEqual(VALUES.map(({ kind }) => kind))
  })

  it('a type is known by its precision, labels and elements', async () => {
    await server().sql(
      `CREATE TABLE shapes (id int PRIMARY KEY, n numeric(8,2), m public.mood, a timestamp(3)[], p public.price)`,
    )
    await using exported = await Exported.open(server().url(), { tables: ['public.shapes'] })
    expect(exported.one('shapes').table.columns.map(({ type, declared }) => ({ type, declared }))).toEqual([
      { type: { kind: 'int32' }, declared: 'integer' },
      { type: { kind: 'decimal', precision: 8, scale: 2 }, declared: 'numeric(8,2)' },
      { type: { kind: 'enum', labels: ['so so', 'happy'] }, declared: 'public.mood' },
      {
        type: { kind: 'array', element: { kind: 'timestamp', precision: 3 } },
        declared: 'timestamp(3) without time zone[]',
      },
      { type: { kind: 'decimal', precision: 8, scale: 2 }, declared: 'public.price' },
    ])
  })

  it('text of a database without an encoding keeps its bytes', async () => {
    await server().sql(`CREATE DATABASE plain TEMPLATE template0 ENCODING 'SQL_ASCII' LOCALE 'C'`)
    await server().sql(
      `CREATE TABLE raw (id int PRIMARY KEY, body text);
       INSERT INTO raw VALUES (1, convert_from('\\x61ff', 'SQL_ASCII')), (2, convert_from('\\x61c3a9', 'SQL_ASCII'))`,
      [],
      'plain',
    )
    await using exported = await Exported.open(server().url('plain'), { tables: ['public.raw'] })
    const tags: [string, string | null][] = []
    for await (const chunk of exported.load('raw'))
      for (const change of chunk.rows)
        if (change.kind === 'r') tags.push([String.fromCharCode(change.tag(1)), change.text(1)])
    expect(tags).toEqual([
      ['b', '\\x61ff'],
      ['t', 'aé'],
    ])
  })
})
