import type { Captured, Leaf } from './capture.ts'
import type { Pages } from './load-state.ts'
import { quoteIdentifier } from './quote.ts'

/** A table's reads: each is one query, all together are every row once. */
export interface LoadPlan {
  readonly ranges: readonly Range[]
  /** Names of the columns that are read, in the order of the Table. */
  readonly columns: readonly string[]
}

export interface Range {
  readonly sql: string
  /** What of a leaf it is; undefined where it is no run of pages of one. */
  readonly part: { readonly leaf: Leaf; readonly pages: Pages } | undefined
}

/**
 * Ranges of one relation at most: when a load is interrupted, those at hand are read again. A query costs the server
 * little, but rows of few pages would all be small reads.
 */
const MOST_RANGES = 128
const LEAST_PAGES = 256

/**
 * Cuts the table into ranges of ctid, so that several connections share the work. Partitions are read by their own
 * names; where the role may only read their root, ranges of it stand for the same ranges of every partition.
 */
export function planLoad(captured: Captured): LoadPlan {
  const columns = captured.columns.filter((_, i) => captured.plan.rules[i] !== 'exclude').map(({ name }) => name)
  const select = `SELECT ${columns.map(quoteIdentifier).join(', ')} FROM`
  if (captured.route !== undefined) return { ranges: [ordered(captured, select, captured.route.order)], columns }
  const byLeaf = captured.leaves.every(({ readable }) => readable)
  const ranges: Range[] = []
  if (byLeaf || !captured.partitioned)
    for (const leaf of captured.leaves) {
      const from = `${select} ONLY ${leaf.relation}`
      if (!leaf.hasRanges) ranges.push({ sql: from, part: undefined })
      else for (const pages of cut(leaf.pages)) ranges.push({ sql: `${from}${within(pages)}`, part: { leaf, pages } })
    }
  else {
    const most = captured.leaves.every(({ hasRanges }) => hasRanges)
      ? Math.max(0, ...captured.leaves.map(leaf => leaf.pages))
      : 0
    for (const pages of cut(most))
      ranges.push({ sql: `${select} ${captured.relation}${within(pages)}`, part: undefined })
  }
  return { ranges, columns }
}

/** Events in one piece, in their order. */
function ordered({ relation, partitioned }: Captured, select: string, order: readonly string[]): Range {
  const from = partitioned ? relation : `ONLY ${relation}`
  return { sql: `${select} ${from} ORDER BY ${order.map(quoteIdentifier).join(', ')}`, part: undefined }
}

/** The last is open at its end: the leaf may have grown since it was looked at. */
function cut(pages: number): Pages[] {
  const size = Math.max(LEAST_PAGES, Math.ceil(pages / MOST_RANGES))
  const runs: Pages[] = []
  let from = 0
  for (; from + size < pages; from += size) runs.push([from, from + size])
  return [...runs, [from, null]]
}

function within([from, to]: Pages): string {
  if (to === null) return from === 0 ? '' : ` WHERE ctid >= '(${from},0)'`
  return ` WHERE ctid >= '(${from},0)' AND ctid < '(${to},0)'`
}
