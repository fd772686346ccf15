import type { Table } from '../../runtime/contract.ts'
import { encodeCells } from '../../runtime/record/cells.ts'
import { BatchWriter, type Tuple } from '../../runtime/record/writer.ts'
import { type BenchResult, median } from './support/result.ts'

/** What a 12-column row of 275 bytes costs in the record format, in nanoseconds: medians of interleaved rounds. */

const ROWS = 2000
const BATCHES = 100
const ROUNDS = 7

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

interface Figures {
  write: number
  iterate: number
  threeCells: number
  json: number
}

export default async function record(): Promise<BenchResult> {
  const rows = tuples()
  const rounds: Figures[] = []
  const into = Buffer.allocUnsafe(4096)
  let sink = 0
  for (let round = 0; round < ROUNDS; round++) {
    const figures: Figures = { write: 0, iterate: 0, threeCells: 0, json: 0 }
    const writer = new BatchWriter([ordersTable])
    for (let b = 0; b < BATCHES; b++) {
      let from = performance.now()
      writer.begin('1', '0/1', 0n)
      for (let i = 0; i < ROWS; i++) writer.row('c', ordersTable, rows[i & 63]!)
      writer.commit()
      const batch = writer.take({ lane: 'stream', position: '0/1' as never })
      let now = performance.now()
      figures.write += now - from
      from = now
      for (const _ of batch) sink++
      now = performance.now()
      figures.iterate += now - from
      from = now
      for (const view of batch) sink += view.cell(0).length + view.cell(3).length + view.cell(8).length
      now = performance.now()
      figures.threeCells += now - from
      from = now
      for (const view of batch) sink += view.toJson(into, 0)
      figures.json += performance.now() - from
    }
    rounds.push(figures)
  }
  if (sink === 0) throw new Error('nothing was measured')
  const ns = (name: keyof Figures): number =>
    Math.round((median(rounds.map(figures => figures[name])) * 1e6) / (ROWS * BATCHES))
  return {
    ratios: {},
    medians: {
      'row bytes': rows[1]!.end,
      'write, ns a row': ns('write'),
      'walk, ns a row': ns('iterate'),
      'walk and read 3 cells, ns a row': ns('threeCells'),
      'walk and toJson, ns a row': ns('json'),
    },
  }
}
