import type { Batch, Position, Table } from '../../runtime/contract.ts'
import { encodeCells } from '../../runtime/record/cells.ts'
import type { Tuple } from '../../runtime/record/tuple.ts'
import { BatchWriter } from '../../runtime/record/writer.ts'
import { type BenchResult, median } from './support/result.ts'

/** What a 12-column row of 275 bytes costs in the record format, in nanoseconds: medians over batches, each of which is a millisecond's work or less. */

const ROWS = 2000
const BATCHES = 700
/** Batches that only warm up. */
const WARM = 100

const column = (name: string, kind: 'int64' | 'int32' | 'text' | 'timestamptz' | 'boolean') => ({
  name,
  type: { kind } as const,
  declared: kind,
  nullable: true,
})

const ordersTable: Table = {
  id: 1,
  name: 'app.public.orders',
  source: 'app',
  schema: 'public',
  table: 'orders',
  incarnation: 1,
  version: 1,
  columns: [
    column('id', 'int64'),
    column('customer_id', 'int64'),
    column('status', 'text'),
    { ...column('total', 'text'), type: { kind: 'decimal', precision: 12, scale: 2 } },
    column('currency', 'text'),
    column('quantity', 'int32'),
    column('created_at', 'timestamptz'),
    column('updated_at', 'timestamptz'),
    column('email', 'text'),
    column('address', 'text'),
    column('note', 'text'),
    column('paid', 'boolean'),
  ],
  key: [0],
  appendOnly: false,
  origin: 'bench',
}

function tuples(): Tuple[] {
  const filler = 'Left at the back door, behind the green bins; ring twice and wait. '
  return Array.from({ length: 64 }, (_, i) => {
    const bytes = encodeCells([
      String(1_000_000 + i),
      String(50_000 + i * 7),
      'shipped',
      `${100 + i}.95`,
      'EUR',
      String(i),
      '2026-03-04 05:06:07.891011+00',
      '2026-03-05 15:16:17.181920+00',
      `customer${i}@mail.example`,
      'Harbour Street 12, 20457 Hamburg',
      filler + (i % 8 === 0 ? null : filler.slice(0, 22)),
      i % 2 === 0 ? 't' : 'f',
    ])
    return { bytes, at: 0, end: bytes.length }
  })
}

export default async function record(): Promise<BenchResult> {
  const rows = tuples()
  const into = Buffer.allocUnsafe(4096)
  const writer = new BatchWriter([ordersTable])
  let sink = 0
  const write = (): Batch => {
    writer.begin('1', '0/1', 0n)
    for (let i = 0; i < ROWS; i++) writer.row('c', ordersTable, rows[i & 63]!)
    writer.commit()
    return writer.take({ lane: 'stream', position: '0/1' as Position })
  }
  const samples = { write: [] as number[], walk: [] as number[], three: [] as number[], json: [] as number[] }
  const timed = <T>(into: number[], work: () => T): T => {
    const from = performance.now()
    const result = work()
    into.push(performance.now() - from)
    return result
  }
  for (let i = 0; i < BATCHES; i++) {
    const batch = timed(samples.write, write)
    timed(samples.walk, () => {
      for (const _ of batch) sink++
    })
    timed(samples.three, () => {
      for (const view of batch) sink += view.cell(0).length + view.cell(3).length + view.cell(8).length
    })
    timed(samples.json, () => {
      for (const view of batch) sink += view.toJson(into, 0)
    })
  }
  if (sink === 0) throw new Error('nothing was measured')
  const ns = (times: readonly number[]): number => Math.round((median(times.slice(WARM)) * 1e6) / ROWS)
  return {
    ratios: {},
    medians: {
      'row bytes': rows[1]!.end,
      'write, ns a row': ns(samples.write),
      'walk, ns a row': ns(samples.walk),
      'walk and read 3 cells, ns a row': ns(samples.three),
      'walk and toJson, ns a row': ns(samples.json),
    },
  }
}
