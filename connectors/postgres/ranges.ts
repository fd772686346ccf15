import type pg from 'pg'
import type { Captured } from './catalog.ts'
import { quoteIdentifier } from './quote.ts'

/** A table's reads: each is one query, all together are every row once. */
export interface LoadPlan {
  readonly statements: readonly string[]
  /** Names of the columns that are read, in the order of the Table. */
  readonly columns: readonly string[]
}

/** Ranges of one relation at most; a query costs the server little, but rows of few pages would all be small reads. */
const MOST_RANGES = 24
const LEAST_PAGES = 256

/**
 * Cuts the table into ranges of ctid, so that several connections share the work. Partitions are read by their own
 * names; where the role may only read their root, ranges of it stand for the same ranges of every partition.
 */
export async function planLoad(client: pg.ClientBase, captured: Captured): Promise<LoadPlan> {
  const columns = captured.columns.filter((_, i) => captured.plan.rules[i] !== 'exclude').map(({ name }) => name)
  const list = columns.map(quoteIdentifier).join(', ')
  const pages = await readPages(client, captured)
  const byLeaf = captured.leaves.every(({ readable }) => readable)
  const statements: string[] = []
  if (byLeaf || !captured.partitioned)
    for (const { oid, relation, hasRanges } of captured.leaves)
      for (const where of hasRanges ? ranges(pages.get(oid) ?? 0) : [''])
        statements.push(`SELECT ${list} FROM ONLY ${relation}${where}`)
  else {
    const most = captured.leaves.every(({ hasRanges }) => hasRanges) ? Math.max(0, ...pages.values()) : 0
    for (const where of ranges(most)) statements.push(`SELECT ${list} FROM ${captured.relation}${where}`)
  }
  return { statements, columns }
}

/** Of each leaf, as it is now: a page added later holds no row that an older snapshot sees. */
async function readPages(client: pg.ClientBase, captured: Captured): Promise<Map<number, number>> {
  const { rows } = await client.query<{ oid: string; pages: string }>(
    `SELECT oid, pg_catalog.pg_relation_size(oid) / pg_catalog.current_setting('block_size')::int8 AS pages
     FROM unnest($1::pg_catalog.oid[]) AS leaf(oid)`,
    [captured.leaves.map(({ oid }) => oid)],
  )
  return new Map(rows.map(({ oid, pages }) => [Number(oid), Number(pages)]))
}

/** The last is open at its end. */
function ranges(pages: number): string[] {
  const size = Math.max(LEAST_PAGES, Math.ceil(pages / MOST_RANGES))
  if (pages <= size) return ['']
  const wheres: string[] = []
  for (let from = 0; from < pages; from += size) {
    const to = from + size
    wheres.push(` WHERE ctid >= '(${from},0)'${to < pages ? ` AND ctid < '(${to},0)'` : ''}`)
  }
  return wheres
}
