import { readFileSync } from 'node:fs'
import { describe, expect, it } from '@jest/globals'
import { logicalTypeOf } from '../../connectors/mysql/values/logical-type.ts'
import { logicalType, type TypeCatalog } from '../../connectors/postgres/types.ts'
import duckdb from '../../sinks/duckdb.ts'
import jsonl from '../../sinks/jsonl.ts'
import parquet from '../../sinks/parquet.ts'
import sqlite from '../../sinks/sqlite.ts'
import { entriesOf, typedTable } from '../support/types/entries.ts'
import { MYSQL_TYPES } from '../support/types/mysql-types.ts'
import { ALL, NEWEST, SINKS, typedLog, withTables } from '../support/types/page.ts'
import type { TypeCase } from '../support/types/type-case.ts'

/** pg_type as the server would say it (test/db/parity.test.ts asks one); a type's oid is its place. */
function catalogOf(cases: readonly TypeCase[]): TypeCatalog {
  const oids = new Map([...new Set(cases.map(({ name }) => name))].map((name, i) => [name, i + 1]))
  const types = cases.map(({ name, made, of, logical, typmod, delimiter }) => {
    const base = of === undefined ? 0 : oids.get(of)!
    const letters = { array: 'b', domain: 'd', enum: 'e', composite: 'c', range: 'r', extension: 'b' }
    return {
      oid: oids.get(name)!,
      name,
      builtIn: made === undefined || made === 'array',
      type: made === undefined ? 'b' : letters[made],
      category: logical.kind === 'text' ? 'S' : 'U',
      base: made === 'domain' ? base : 0,
      baseTypmod: made === 'domain' ? typmod : -1,
      element: made === 'array' ? base : 0,
      delimiter,
      labels: logical.kind === 'enum' ? logical.labels : [],
    }
  })
  return new Map(types.map(type => [type.oid, type]))
}

describe('docs/types.md', () => {
  it('says of every type and value what the sinks make of it', async () => {
    const page = readFileSync(new URL('../../docs/types.md', import.meta.url), 'utf8')
    // Differs? `node test/support/write-types-doc.ts` brings it up to date; then read what became of it.
    expect(page).toBe(await withTables(page))
  })

  it('gives every type the logical type of the code', () => {
    const catalog = catalogOf(ALL)
    const oids = new Map([...catalog.values()].map(({ name, oid }) => [name, oid]))
    const found = ALL.map(({ name, made, typmod }) =>
      logicalType({ typeOid: oids.get(name)!, typmod: made === 'domain' ? -1 : typmod }, catalog),
    )
    expect(found).toEqual(ALL.map(({ logical }) => logical))
    expect(ALL.length).toBeGreaterThan(100)
  })

  it.each(Object.entries(SINKS))(
    'every value of every type comes back from %s as the text it was',
    async (name, read) => {
      const log = typedLog(ALL)
      const { back, forms } = await read(log)
      entriesOf(ALL, NEWEST).forEach(({ column, value, of }, row) => {
        const cells = back.get(String(row))
        if (forms[row] === undefined) expect(cells).toBeUndefined()
        // DuckDB itself loses the sign of a zero in a list.
        else if ((name === 'duckdb' || name === 'parquet') && value.text === '{-0}')
          expect(cells?.get(`c${column}`)).toBe('{0}')
        else expect([of.type, cells?.get(`c${column}`)]).toEqual([of.type, value.text])
      })
    },
  )

  it.each([
    ['PostgreSQL', ALL],
    ['MySQL and MariaDB', MYSQL_TYPES],
  ] as const)(
    'Parquet files have every value of every type of %s as DuckDB has it, intervals as text',
    async (_, cases) => {
      const log = typedLog(cases)
      const [files, database] = [(await SINKS.parquet(log)).forms, (await SINKS.duckdb(log)).forms]
      expect(files).toEqual(database.map(form => form && { ...form, type: form.type.replace('INTERVAL', 'VARCHAR') }))
    },
  )

  it('gives every type of MySQL and MariaDB the logical type of the code', () => {
    expect(MYSQL_TYPES.map(({ type }) => logicalTypeOf(type))).toEqual(MYSQL_TYPES.map(({ logical }) => logical))
    expect(MYSQL_TYPES.length).toBeGreaterThan(60)
  })

  it.each([
    ['json', jsonl.shown!({} as never, typedTable(MYSQL_TYPES))],
    ['sqlite', sqlite.shown!(sqlite.config.parse({ path: 'x' }), typedTable(MYSQL_TYPES))],
    ['duckdb', duckdb.shown!(duckdb.config.parse({ path: 'x' }), typedTable(MYSQL_TYPES))],
    ['parquet', parquet.shown!(parquet.config.parse({ path: 'x' }), typedTable(MYSQL_TYPES))],
  ] as const)(
    'every value of MySQL and MariaDB comes back from %s as the text that the plugin says',
    async (name, shown) => {
      const { back, forms } = await SINKS[name](typedLog(MYSQL_TYPES))
      const wrong: unknown[] = []
      entriesOf(MYSQL_TYPES, NEWEST).forEach(({ column, value, of }, row) => {
        if (forms[row] === undefined) return
        const text = back.get(String(row))?.get(`c${column}`)
        const said = shown[column + 1]?.(value.text) ?? value.text
        if (text !== said) wrong.push([of.type, value.text.slice(0, 60), text?.slice(0, 60), said.slice(0, 60)])
      })
      expect(wrong).toEqual([])
    },
  )
})
