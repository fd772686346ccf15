import { aligned } from './screen.ts'
import type { CacheSink } from './sinks/cache.ts'
import type { DemoSinks } from './sinks/choose.ts'
import type { EngineHit, EngineSink } from './sinks/engine.ts'
import type { Hit } from './sinks/search.ts'
import type { WarehouseSink } from './sinks/warehouse.ts'
import type { Stage } from './stage.ts'

/** What the sinks are for: a search, a look into the cache, a query over the warehouse. */

export interface SearchReport {
  /** From before the row was inserted until it was found. */
  readonly milliseconds: number
  readonly hits: readonly Hit[]
  /** The row in the cache, as JSON. */
  readonly cached: string | null
  /** What the search engine finds; null without one. */
  readonly found: readonly EngineHit[] | null
}

const SKU = 'SKU-NEW'
const WORDS = 'copper AND (kettle OR teapot)'
const ENGINE_WORDS = 'copper kettle'
const LINE = 76

/** A product that is new a moment ago is found among the thousands. */
export async function searchStep(
  { screen, signal, pipeline }: Stage,
  { search, cache, engine }: DemoSinks,
  client: { query(text: string): Promise<unknown> },
): Promise<SearchReport> {
  screen.step(`Full-text search: ${WORDS}`)
  const began = performance.now()
  await client.query(
    `insert into products values ('${SKU}', 'Copper Kettle, Copper Teapot', 'A pair of copper, added a moment ago.',
       129.00, 1, 2.5, '{"colour": 3}', null, current_timestamp)`,
  )
  await pipeline()!.wait(signal)
  const hits = search.search(WORDS)
  const milliseconds = Math.round(performance.now() - began)
  const lines = hits.map(({ sku, price, score, snippet }) => [sku, price, score.toFixed(2), snippet])
  for (const line of aligned([['product', 'price', 'bm25', ''], ...lines], new Set([1, 2])))
    screen.line(line.replaceAll(/\[.*?\]/g, word => screen.style('yellow', word)))
  screen.done(`${SKU} was committed, waited for and found within ${milliseconds} ms`)
  const found = engine === undefined ? null : await engineStep(screen, engine)
  return { milliseconds, hits, found, cached: cache === undefined ? null : await cacheStep(screen, cache) }
}

async function engineStep(screen: Stage['screen'], engine: EngineSink): Promise<readonly EngineHit[]> {
  screen.step(`The search engine: ${ENGINE_WORDS}, in ${engine.aliasOf('products')}`)
  const began = performance.now()
  const hits = await engine.search(ENGINE_WORDS)
  const milliseconds = performance.now() - began
  const lines = hits.map(({ sku, title, score }) => [sku, score.toFixed(2), title])
  for (const line of aligned([['product', 'score', ''], ...lines], new Set([1]))) screen.line(line)
  screen.done(`answered in ${milliseconds.toFixed(0)} ms`)
  return hits
}

async function cacheStep(screen: Stage['screen'], cache: CacheSink): Promise<string | null> {
  const key = cache.keyOf('products', SKU)
  screen.step(`The cache: get ${key}`)
  const began = performance.now()
  const row = await cache.get(key)
  const milliseconds = performance.now() - began
  const text = String(row)
  screen.line(text.length > LINE ? `${text.slice(0, LINE - 4)} ...` : text)
  screen.done(`got in ${milliseconds.toFixed(1)} ms`)
  return row
}

export interface QueryReport {
  readonly milliseconds: number
  /** Text by column. */
  readonly rows: readonly Readonly<Record<string, string>>[]
}

/** While the pipeline does not run: DuckDB lets one process in at a time. */
export async function queryStep({ screen }: Stage, warehouse: WarehouseSink): Promise<QueryReport> {
  screen.step('The warehouse: revenue by country, over orders and order lines')
  const began = performance.now()
  const { names, rows } = await warehouse.revenue()
  const milliseconds = performance.now() - began
  const table = [names, ...rows.map(row => row.map(withCommas))]
  const [head, ...lines] = aligned(table, new Set(names.slice(1).map((_, i) => i + 1)))
  for (const line of [screen.style('dim', head!), ...lines]) screen.line(line)
  screen.done(`answered in ${milliseconds.toFixed(0)} ms`)
  return {
    milliseconds,
    rows: rows.map(row => Object.fromEntries(names.map((name, i) => [name, row[i]!]))),
  }
}

/** `1234567.80` as `1,234,567.80`; other text as it is. */
function withCommas(text: string): string {
  return /^\d+(\.\d+)?$/.test(text) ? text.replace(/\B(?=(\d{3})+(?!\d))(?<!\.\d*)/g, ',') : text
}
