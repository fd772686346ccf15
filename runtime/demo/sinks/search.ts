import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { DatabaseSync, type SQLOutputValue } from 'node:sqlite'
import { type Cell, Rows, type TableShape } from '../rows.ts'
import { nodeCommand } from './node-command.ts'
import type { DemoSink } from './sink.ts'
import { TABLE, tamperStatements } from './tampering.ts'

/** The shop in SQLite, with a full-text index of its products. */

export interface Hit {
  readonly sku: string
  readonly title: string
  readonly price: string
  /** Where the words stand, each between brackets. */
  readonly snippet: string
  /** Greater is better: the negative of what bm25() answers. */
  readonly score: number
}

const PRODUCTS = sqliteTable('products')
const INDEX = `${PRODUCTS}_search`

/** Columns of the index: title, description. A word in a title counts five times as much. */
const SEARCH_SQL = `select p.sku, p.title, p.price, snippet(${INDEX}, -1, '[', ']', ' ... ', 9) snippet,
  -bm25(${INDEX}, 5.0, 1.0) score
from ${INDEX} join ${PRODUCTS} p on p._rowid = ${INDEX}.rowid
where ${INDEX} match ? order by score desc, p.sku limit 5`

export class SearchSink implements DemoSink {
  readonly name = 'search'
  readonly about = ['SQLite, with a full-text index of the products']
  readonly options = {
    type: 'sqlite',
    path: './search.db',
    search: { 'app.public.products': ['title', 'description'] },
  }
  readonly examples: DemoSink['examples']
  readonly #path: string

  private constructor(folder: string, script: string) {
    this.#path = join(folder, 'search.db')
    const words = 'copper kettle'
    this.examples = [
      { what: 'search the products', live: `${nodeCommand(script)} ${words}`, later: `node search.mjs ${words}` },
    ]
  }

  /** In this folder, where it also puts a program that searches: for people without sqlite3 at hand. */
  static async create(folder: string): Promise<SearchSink> {
    const script = join(folder, 'search.mjs')
    const sink = new SearchSink(folder, script)
    await writeFile(script, searchScript(sink.#path))
    return sink
  }

  /** Best match first. */
  search(words: string): Hit[] {
    using database = openSqlite(this.#path, { readOnly: true })
    return database.prepare(SEARCH_SQL).all(words) as unknown as Hit[]
  }

  async read(shape: TableShape): Promise<Rows> {
    using database = openSqlite(this.#path, { readOnly: true })
    const rows = new Rows(shape)
    const statement = database.prepare(`select * from "${sqliteTable(shape.table)}"`)
    statement.setReadBigInts(true)
    for (const row of statement.iterate()) rows.add(shape.columns.map(({ name, type }) => cellText(type, row[name])))
    return rows
  }

  async tamper(): Promise<void> {
    using database = openSqlite(this.#path, { readOnly: false })
    const table = sqliteTable(TABLE)
    const columns = database.prepare(`select name from pragma_table_info('${table}')`).all() as { name: string }[]
    const names = columns.map(({ name }) => name)
    for (const statement of tamperStatements(table, names)) database.exec(statement)
  }
}

function openSqlite(path: string, options: { readOnly: boolean }): DatabaseSync {
  return new DatabaseSync(path, { ...options, timeout: 5000 })
}

/** Where the sink puts a table of the shop. */
function sqliteTable(table: string): string {
  return `public_${table}`
}

/** Back to what PostgreSQL prints for a column of this type. */
function cellText(type: string, value: SQLOutputValue | undefined): Cell {
  if (value === null || value === undefined) return value
  if (typeof value === 'object') return `\\x${Buffer.from(value).toString('hex')}`
  if (type === 'boolean') return value === 1n ? 't' : value === 0n ? 'f' : String(value)
  return String(value)
}

function searchScript(path: string): string {
  return `// Full-text search in the shop's products: node search.mjs WORDS
import { DatabaseSync } from 'node:sqlite'
const database = new DatabaseSync(${JSON.stringify(path)}, { readOnly: true, timeout: 5000 })
const hits = database.prepare(${JSON.stringify(SEARCH_SQL)})
for (const hit of hits.all(process.argv.slice(2).join(' '))) console.log(hit.sku, hit.price, hit.snippet)
`
}
