import type { LogBatch, LoggedChange } from '../../runtime/contract.ts'
import { TailraceError } from '../../runtime/errors.ts'
import { asBuffer, cellEnd } from '../../runtime/record/cells.ts'
import { CellTag } from '../../runtime/record/layout.ts'
import type { Held } from './catalog.ts'
import type { Client } from './client.ts'
import { columnsOf, type LayoutOptions, Own } from './layout.ts'
import { sqlName } from './names.ts'
import { rowsByKeys, shapeOf } from './reader.ts'
import { RowBytes } from './row-bytes.ts'
import type { RowValues } from './row-values.ts'

/** What rows to be completed may hold together; a batch with more is split. */
const FORMER_BYTES = 32 * 1024 * 1024

/** A row as a later change finds it: the values of the layout's columns. */
export interface FormerRow {
  readonly values: RowValues
  readonly isMarked: boolean
}

/** Rows that changes of a batch build on: those that lack cells, and marks on deleted rows. */
export class Former {
  readonly #rows = new Map<string, FormerRow | undefined>()
  #bytes = 0

  get isEmpty(): boolean {
    return this.#rows.size === 0
  }

  /** Whether a change of the batch builds on the row. */
  has(held: Held, key: Buffer): boolean {
    return this.#rows.has(placeOf(held, key))
  }

  /** Undefined: it is not there. */
  get(held: Held, key: Buffer): FormerRow | undefined {
    return this.#rows.get(placeOf(held, key))
  }

  set(held: Held, key: Buffer, row: FormerRow | undefined): void {
    this.#rows.set(placeOf(held, key), row)
  }

  /** Reads the rows of these keys. Throws SINK_BATCH_TOO_LARGE. */
  async read(
    client: Client,
    held: Held,
    keys: readonly Buffer[],
    options: LayoutOptions,
    batch: LogBatch,
    signal: AbortSignal,
  ): Promise<void> {
    const mark = { name: Own.deleted, storage: { kind: 'boolean' }, isNullable: false } as const
    const columns = options.marks ? [...held.layout.columns, mark] : held.layout.columns
    for (const key of keys) this.set(held, key, undefined)
    for await (const rows of rowsByKeys(client, shapeOf(held, columns, options, true), keys, signal))
      for (const { key, values } of rows) {
        for (const value of values) this.#bytes += value?.length ?? 0
        if (batch.count > 1 && this.#bytes > FORMER_BYTES)
          throw new TailraceError('SINK_BATCH_TOO_LARGE', 'retry', 'The rows to be completed are too large together.')
        const isMarked = options.marks && values.at(-1)![0] === 1
        this.set(held, key, { values: options.marks ? values.slice(0, -1) : values, isMarked })
      }
  }
}

function placeOf({ at }: Held, key: Buffer): string {
  return `${sqlName(at)} ${key.toString('latin1')}`
}

/**
 * The row that a change makes of the one before it. Answers the place of a column that cannot hold its value, if there is
 * one.
 */
export function completed(
  held: Held,
  { table, cells }: LoggedChange,
  before: FormerRow | undefined,
): { readonly values: RowValues; readonly wrong: number | undefined } {
  const columns = columnsOf(held.layout, table)
  const scratch = new RowBytes(columns.map(({ storage }) => ({ storage, isNullable: false })))
  const former = before?.isMarked === false ? before.values : held.layout.columns.map(() => undefined)
  const values = [...former]
  const bytes = asBuffer(cells)
  let wrong: number | undefined
  for (let at = 0, i = 0; at < bytes.length; i++) {
    const end = cellEnd(bytes, at, bytes.length)
    const place = held.layout.columns.indexOf(columns[i]!)
    if (bytes[at] === CellTag.null) values[place] = undefined
    else if (bytes[at] !== CellTag.absent) {
      scratch.back(0)
      if (!scratch.putCell(i, bytes, at, end)) wrong ??= i
      values[place] = Buffer.from(scratch.bytes)
    }
    if (bytes[at] === CellTag.null && !columns[i]!.isNullable) wrong ??= i
    at = end
  }
  return { values, wrong }
}
