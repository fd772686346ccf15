import type { Cursor, LogBatch, Sink, SourceLog, Table, WriteResult } from '../../runtime/contract.ts'
import type { Delivery } from '../../runtime/deliver/delivery.ts'
import { CellTag } from '../../runtime/record/layout.ts'
import type { Tuple } from '../../runtime/record/tuple.ts'
import { BatchWriter } from '../../runtime/record/writer.ts'
import { HELD_AS_IT_IS, type HeldShape } from '../../runtime/shape/memory.ts'
import { ShapedLog } from '../../runtime/shape/shaped-log.ts'
import { Shapes } from '../../runtime/shape/shapes.ts'
import { NO_SHAPE, type ShapeOptions } from '../../runtime/shape/spec.ts'
import type { Transform } from '../../runtime/transform.ts'
import { delivered, deliveryFrom } from './delivery.ts'
import { column, table, tuple } from './records.ts'

/** A table, another one, and what a sink may declare of the first. */
export const COLUMNS = [column('note'), column('id', 'int64'), column('status'), column('total', 'decimal')]
export const orders = table('orders', { columns: COLUMNS, key: [1] })
export const others = table('others', { id: 2 })
export const WHERE = { 'app.public.orders': "status <> 'draft' and total >= 10" }
export const FIELDS = {
  'app.public.orders': [
    { sum: 'total' },
    { number: 'id' },
    { kind: { value: 'order' } },
    { count: { value: 3 } },
    { rate: { value: 0.5 } },
    { open: { value: true } },
    { payload: { json: 'note' } },
    'status',
  ],
}
export const order = (
  id: number | string,
  status: string | null | undefined,
  total: string | null | undefined,
  note = '{}',
): Tuple => tuple(note, String(id), status, total)

export function writerOf(...tables: Table[]): BatchWriter {
  const writer = new BatchWriter()
  for (const one of tables) writer.announce(one)
  return writer
}

/** What is known of a sink that is shaped, as a file beside the logs would. */
export class Kept {
  held: HeldShape

  readonly transform: Transform | undefined

  constructor(options: Partial<ShapeOptions>, transform?: Transform) {
    this.transform = transform
    this.held = { ...HELD_AS_IT_IS, options: { ...NO_SHAPE, ...options } }
  }

  shapes(keepsHistory = false): Shapes {
    const remember = async (held: HeldShape): Promise<void> => {
      this.held = held
    }
    const { transform } = this
    return new Shapes({ held: () => this.held, remember, filter: () => true, keepsHistory, transform })
  }
}

/** Delivers all of the log into the sink, shaped. */
export async function deliverShaped(
  log: SourceLog,
  kept: Kept,
  sink: Sink,
  over: Partial<Delivery> = {},
): Promise<void> {
  const shaped = await ShapedLog.open(log, kept.shapes(over.reads === 'history'))
  await delivered(deliveryFrom(log, { ...over, log: shaped }), sink)
}

/** Keeps the rows as JSON by their keys, in the shape that it gets them; and, of each change, its kind and key. */
export class RowsSink implements Sink {
  /** By table name. */
  readonly tables = new Map<string, Table>()
  readonly content = new Map<string, Record<string, string | null>>()
  readonly kinds: string[] = []
  readonly batches: LogBatch[] = []
  stored: Cursor | undefined
  /** Ends the delivery at the batch of this number, once, after half of it: as a crash would. */
  failAt: number | undefined

  async write(batch: LogBatch, _signal: AbortSignal, skip?: ReadonlySet<number>): Promise<WriteResult> {
    let index = 0
    const isCut = this.failAt !== undefined && this.failAt-- === 0
    for (const change of batch) {
      const place = index++
      if (isCut && place > batch.count / 2) throw new Error('cut')
      if (skip?.has(place) === true) continue
      const { kind, table } = change
      const key = `${table.name} ${Buffer.from(change.key).toString('hex')}`
      this.tables.set(table.name, table)
      if (kind === 's') continue
      this.kinds.push(
        `${kind} ${Buffer.from(change.key)
          .toString()
          .replaceAll(/[^\w]+/g, '')}`,
      )
      if (kind === 't') continue
      if (kind === 'd') this.content.delete(key)
      else {
        const row = { ...this.content.get(key) }
        table.columns.forEach(({ name }, i) => {
          if (change.tag(i) !== CellTag.absent) row[name] = change.text(i)
        })
        this.content.set(key, row)
      }
    }
    this.stored = batch.cursor
    return { rejected: [] }
  }

  async truncate({ name }: Table): Promise<void> {
    for (const key of [...this.content.keys()]) if (key.startsWith(`${name} `)) this.content.delete(key)
  }

  async cursor(): Promise<Cursor | undefined> {
    return this.stored
  }

  /** Sorted by their JSON. */
  get all(): string[] {
    return [...this.content.values()].map(row => JSON.stringify(row)).toSorted()
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}
