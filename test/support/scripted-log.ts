import type { Column, Cursor, LogBatch, LogicalType, Table } from '../../runtime/contract.ts'
import { logBatch } from '../../runtime/record/batch.ts'
import { encodeCells } from '../../runtime/record/cells.ts'
import { wholeSlice } from '../../runtime/record/slice.ts'
import type { Tuple } from '../../runtime/record/tuple.ts'
import { BatchWriter } from '../../runtime/record/writer.ts'

export type Cells = readonly (string | Uint8Array | null | undefined)[]

export function column(name: string, type: LogicalType | 'int64' | 'text', declared?: string): Column {
  const logical = typeof type === 'string' ? ({ kind: type } as LogicalType) : type
  return { name, type: logical, declared: declared ?? logical.kind, nullable: true }
}

export function table(id: number, name: string, columns: readonly Column[], rest: Partial<Table> = {}): Table {
  const [schema, own] = name.split('.') as [string, string]
  const source = rest.source ?? 'app'
  return {
    id,
    name: `${source}.${name}`,
    source,
    schema,
    table: own,
    incarnation: 1,
    version: 1,
    columns,
    key: [0],
    appendOnly: false,
    origin: '',
    ...rest,
  }
}

export function tuple(cells: Cells): Tuple {
  const bytes = encodeCells(cells)
  return { bytes, at: 0, end: bytes.length }
}

/** A log that exists only as the batches a test wrote: the same script gives the same cursors in every process. */
export class ScriptedLog {
  readonly id: string
  readonly #session: string
  readonly #writer = new BatchWriter()
  #next = 1
  #transaction = 0

  constructor(id: string, session = 's1') {
    this.id = id
    this.#session = session
  }

  /** One transaction as one batch. */
  batch(fill: (writer: BatchWriter) => void): LogBatch {
    const writer = this.#writer
    const number = ++this.#transaction
    writer.begin(String(number), `0/${number}`, BigInt(number) * 1000n)
    fill(writer)
    writer.commit()
    const { bytes, entries, registry } = writer.take({ lane: 'stream', position: `0/${number}` as never })
    const base = this.#next
    this.#next += entries
    return logBatch({
      slices: [wholeSlice(bytes, base, BigInt(number) * 1000n)],
      cursor: this.#cursor(this.#next - 1),
      endsTransaction: true,
      gap: false,
      tables: registry,
      filter: () => true,
      cursorAt: offset => this.#cursor(offset),
    })
  }

  #cursor(offset: number): Cursor {
    return `${this.id}.${this.#session}:${offset}` as Cursor
  }
}

/** The rows of a table after these batches: what every sink must show. */
export function expectedRows(batches: readonly LogBatch[], of: string): Map<string, Record<string, string | null>> {
  const rows = new Map<string, Record<string, string | null>>()
  for (const batch of batches)
    for (const change of batch) {
      if (change.table.name !== of) continue
      const key = Buffer.from(change.key).toString('latin1')
      if (change.kind === 't') rows.clear()
      else if (change.kind === 'd') rows.delete(key)
      else if (change.kind !== 's' && change.kind !== 'm') {
        const row: Record<string, string | null> = Object.assign(Object.create(null), rows.get(key))
        change.table.columns.forEach((column, i) => {
          if (change.tag(i) !== 0x75) row[column.name] = change.text(i)
        })
        rows.set(key, row)
      }
    }
  return rows
}
