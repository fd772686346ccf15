import type { Captured } from './catalog.ts'
import { type Segment, WHOLE } from './load-state.ts'
import type { QueryWire } from './query-wire.ts'
import { quoteName } from './quote.ts'

/** A table with fewer rows is read in one piece. */
const WORTH_ROWS = 50_000
const SEGMENT_ROWS = 250_000
const MOST_SEGMENTS = 1000

const WHOLE_NUMBER = /^(tinyint|smallint|mediumint|int|bigint)( unsigned)?$/

/** The name of the first key column, quoted, where tables can be divided by its values. */
export function dividingColumn({ table, definition }: Captured): string | undefined {
  const name = definition.key[0]
  const found = definition.columns.find(({ column }) => column.name === name)
  if (table.key.length === 0 || found === undefined || found.rule !== 'keep') return undefined
  return WHOLE_NUMBER.test(found.column.declared) ? quoteName(found.column.name) : undefined
}

/** Parts of the table of about the same size, as far as its keys are evenly spread. */
export async function segmentsOf(wire: QueryWire, captured: Captured): Promise<Segment[]> {
  const column = dividingColumn(captured)
  const rows = captured.estimatedRows ?? 0
  if (column === undefined || rows < WORTH_ROWS) return [WHOLE]
  const [bounds] = await wire.query(`SELECT MIN(${column}), MAX(${column}) FROM ${captured.relation}`)
  const [least, most] = bounds ?? []
  if (least === null || least === undefined || most === null || most === undefined) return [WHOLE]
  return divided(BigInt(least), BigInt(most), Math.min(MOST_SEGMENTS, Math.ceil(rows / SEGMENT_ROWS) + 1))
}

/** The first and the last are open to their sides. */
export function divided(least: bigint, most: bigint, count: number): Segment[] {
  const width = (most - least) / BigInt(count) + 1n
  const cuts: string[] = []
  for (let i = 1; i < count; i++) {
    const cut = least + BigInt(i) * width
    if (cut <= most) cuts.push(cut.toString())
  }
  return [null, ...cuts].map((from, i) => ({ from, to: cuts[i] ?? null }))
}
