import { writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { DuckDBConnection, DuckDBValue } from '@duckdb/node-api'
import { type Cell, Rows, type TableShape } from '../rows.ts'
import { arrayText } from './json-cells.ts'
import { nodeCommand } from './node-command.ts'
import type { DemoSink } from './sink.ts'
import { TABLE, tamperStatements } from './tampering.ts'

type Api = typeof import('@duckdb/node-api')

/** Revenue by country, over orders and order lines. */
const REVENUE_SQL = `select country, count(distinct o.id) as orders, sum(quantity) as items,
  sum(quantity * l.price) as revenue, round(100 * revenue / sum(revenue) over (), 1) as "% of all"
from public.order_lines l join public.orders o on o.id = order_id join public.customers c on c.id = customer_id
where status <> 'returned'
group by country order by revenue desc limit 6`

/** The shop in a DuckDB file. */
export class WarehouseSink implements DemoSink {
  readonly name = 'warehouse'
  readonly about: readonly string[]
  readonly options = {
    type: 'duckdb',
    path: './warehouse.duckdb',
    snapshotTo: './readers/warehouse.duckdb',
    snapshotEvery: '5s',
  }
  readonly examples: DemoSink['examples']
  readonly #api: Api
  readonly #path: string
  /** The copy for readers: the file itself is locked while the pipeline runs. */
  readonly #copy: string

  private constructor(api: Api, folder: string, script: string) {
    this.#api = api
    this.#path = join(folder, 'warehouse.duckdb')
    this.#copy = join(folder, 'readers', 'warehouse.duckdb')
    this.about = [`DuckDB ${api.version().replace(/^v/, '')}`]
    const sql = `"from public.orders limit 3"`
    this.examples = [
      { what: 'query the warehouse', live: `${nodeCommand(script)} ${sql}`, later: `node query.mjs ${sql}` },
    ]
  }

  /**
   * In this folder, where it also puts a program that queries: for people without duckdb at hand. Undefined if the
   * driver cannot be loaded.
   */
  static async create(folder: string): Promise<WarehouseSink | undefined> {
    let api: Api
    try {
      api = await import('@duckdb/node-api')
    } catch {
      return undefined
    }
    const script = join(folder, 'query.mjs')
    const sink = new WarehouseSink(api, folder, script)
    await writeFile(script, queryScript(sink.#copy))
    return sink
  }

  /** Every value as text, below the names of the columns; while the pipeline does not run. */
  async revenue(): Promise<{ readonly names: readonly string[]; readonly rows: readonly (readonly string[])[] }> {
    return this.#connected(this.#path, 'read_only', async connection => {
      const result = await connection.runAndReadAll(REVENUE_SQL)
      return { names: result.columnNames(), rows: result.getRows().map(row => row.map(String)) }
    })
  }

  async read(shape: TableShape): Promise<Rows> {
    const columns = shape.columns.map(({ name, type }) => selected(`"${name}"`, type))
    return this.#connected(this.#path, 'read_only', async connection => {
      await connection.run("set TimeZone = 'UTC'")
      const rows = new Rows(shape)
      const result = await connection.stream(`select ${columns.join(', ')} from public.${shape.table}`)
      for await (const chunk of result.yieldRows()) for (const row of chunk) rows.add(row.map(cellText))
      return rows
    })
  }

  async tamper(): Promise<void> {
    const table = `public.${TABLE}`
    await this.#connected(this.#path, 'read_write', async connection => {
      const names = (await connection.run(`from ${table} limit 0`)).columnNames()
      for (const statement of tamperStatements(table, names)) await connection.run(statement)
    })
  }

  async #connected<T>(
    path: string,
    mode: 'read_only' | 'read_write',
    work: (connection: DuckDBConnection) => Promise<T>,
  ): Promise<T> {
    const instance = await this.#api.DuckDBInstance.create(path, { access_mode: mode })
    const connection = await instance.connect()
    try {
      return await work(connection)
    } finally {
      connection.closeSync()
      instance.closeSync()
    }
  }
}

/** A column as DuckDB can print it best, for `cellText`. */
function selected(name: string, type: string): string {
  switch (type) {
    case 'boolean':
      return `case when ${name} then 't' when not ${name} then 'f' end`
    case 'bytea':
      return `'\\x' || lower(hex(${name}))`
    // DuckDB prints 1.0 where PostgreSQL prints 1; and lists in its own way.
    case 'double precision':
    case 'text[]':
      return name
    default:
      return `${name}::varchar`
  }
}

/** Back to what PostgreSQL prints. */
function cellText(value: DuckDBValue): Cell {
  if (value === null || typeof value === 'string') return value
  if (typeof value === 'object' && 'items' in value) return arrayText(value.items as (string | null)[])
  return String(value)
}

function queryScript(copy: string): string {
  const driver = pathToFileURL(createRequire(import.meta.url).resolve('@duckdb/node-api')).href
  return `// Asks the warehouse's copy for readers, which is at most 5 seconds old: node query.mjs SQL
import { DuckDBInstance } from ${JSON.stringify(driver)}
const instance = await DuckDBInstance.create(${JSON.stringify(copy)}, { access_mode: 'read_only' })
const connection = await instance.connect()
const result = await connection.runAndReadAll(process.argv[2] ?? ${JSON.stringify(REVENUE_SQL)})
console.table(result.getRowObjectsJson())
`
}
