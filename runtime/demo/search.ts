import { openSqlite, sqliteTable } from './sqlite-rows.ts'

/** Full-text search in the sqlite sink's FTS5 index of products, best match first. */

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
export const SEARCH_SQL = `select p.sku, p.title, p.price, snippet(${INDEX}, -1, '[', ']', ' ... ', 9) snippet,
  -bm25(${INDEX}, 5.0, 1.0) score
from ${INDEX} join ${PRODUCTS} p on p._rowid = ${INDEX}.rowid
where ${INDEX} match ? order by score desc, p.sku limit 5`

export function search(path: string, words: string): Hit[] {
  using database = openSqlite(path, { readOnly: true })
  return database.prepare(SEARCH_SQL).all(words) as unknown as Hit[]
}

/** A program that searches: for people without sqlite3 at hand. */
export function searchScript(path: string): string {
  return `// Full-text search in the shop's products: node search.mjs WORDS
import { DatabaseSync } from 'node:sqlite'
const database = new DatabaseSync(${JSON.stringify(path)}, { readOnly: true, timeout: 5000 })
const hits = database.prepare(${JSON.stringify(SEARCH_SQL)})
for (const hit of hits.all(process.argv.slice(2).join(' '))) console.log(hit.sku, hit.price, hit.snippet)
`
}
