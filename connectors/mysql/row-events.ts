import type { Table } from '../../runtime/contract.ts'
import { TailraceError } from '../../runtime/errors.ts'
import type { FormerRow, RowWriter } from '../common/row-writer.ts'
import { Span } from '../common/scratch.ts'
import { unreadable } from './binlog/binlog-error.ts'
import { PartialColumns, readPartialImage } from './binlog/partial-image.ts'
import { readImage } from './binlog/row-image.ts'
import type { ImageColumns, RowsEvent } from './binlog/rows-event.ts'
import { completePartial } from './partial-json.ts'
import type { RowReading } from './row-reading.ts'
import { requireValueSizes } from './value-limit.ts'
import { CellOutput } from './values/cell-output.ts'

/** Reads the rows of events and writes them as records. Nothing is allocated per row. */
export class RowEvents {
  readonly #rows: RowWriter
  readonly #oldCells = new CellOutput()
  readonly #newCells = new CellOutput()
  readonly #old = new Span()
  readonly #new = new Span()
  readonly #partial = new PartialColumns()
  readonly #largestValue: number

  /** `largestValue`: in bytes. */
  constructor(rows: RowWriter, largestValue: number) {
    this.#rows = rows
    this.#largestValue = largestValue
  }

  /** Throws BINLOG_UNREADABLE, BINLOG_UNCOUNTED, BINLOG_GENERATED, VALUE_TOO_LARGE, APPEND_ONLY_CHANGED, PARTIAL_JSON. */
  write(event: RowsEvent, reading: RowReading): void {
    if (event.columns !== reading.readers.length)
      throw unreadable(`rows have ${event.columns} columns and their table ${reading.readers.length}`)
    if (event.hasUncountedRows) throw uncounted(reading.table)
    if (event.kind === 'insert') this.#insert(event, reading)
    else if (event.kind === 'update') this.#update(event, reading)
    else this.#delete(event, reading)
  }

  #insert({ bytes, at, end, after }: RowsEvent, reading: RowReading): void {
    for (let from = at; from < end; ) {
      from = this.#image(bytes, from, end, after!, reading, this.#newCells, this.#new)
      this.#rows.insert(reading, this.#new)
    }
  }

  #delete({ bytes, at, end, before }: RowsEvent, reading: RowReading): void {
    const former = formerOf(before!, reading)
    for (let from = at; from < end; ) {
      from = this.#image(bytes, from, end, before!, reading, this.#oldCells, this.#old)
      this.#rows.delete(reading, this.#old, former)
    }
  }

  #update(event: RowsEvent, reading: RowReading): void {
    const { bytes, at, end, before, after } = event
    const former = formerOf(before!, reading)
    const leftOut = reading.leftOut.find(column => !isIn(after!, column))
    if (leftOut !== undefined) throw generatedLeftOut(reading.table)
    for (let from = at; from < end; ) {
      from = this.#image(bytes, from, end, before!, reading, this.#oldCells, this.#old)
      if (event.isPartial) from = this.#partialImage(event, from, reading)
      else from = this.#image(bytes, from, end, after!, reading, this.#newCells, this.#new)
      this.#rows.updateFrom(reading, this.#old, this.#new, former)
    }
  }

  /** An after-image that has only what changed of some JSON documents: the rest is in the image before. */
  #partialImage({ bytes, end, after }: RowsEvent, at: number, reading: RowReading): number {
    const cells = this.#newCells
    const { readers, json, wanted } = reading
    cells.clear()
    const next = readPartialImage(bytes, at, end, after!, readers, json, wanted, cells, this.#partial)
    this.#new.bytes = cells.bytes
    this.#new.end = cells.at
    if (this.#partial.count > 0) completePartial(bytes, this.#partial, reading, this.#old, this.#new)
    return next
  }

  #image(
    bytes: Buffer,
    at: number,
    end: number,
    columns: ImageColumns,
    { readers, wanted, table, wantedColumns }: RowReading,
    cells: CellOutput,
    span: Span,
  ): number {
    cells.clear()
    const next = readImage(bytes, at, end, columns, readers, wanted, cells)
    requireValueSizes(table.name, wantedColumns, cells.bytes, cells.at, this.#largestValue)
    span.bytes = cells.bytes
    span.end = cells.at
    return next
  }
}

function formerOf(columns: ImageColumns, { readers }: RowReading): FormerRow {
  return columns.count === readers.length ? 'whole' : 'partial'
}

function isIn({ bits, at }: ImageColumns, column: number): boolean {
  return ((bits[at + (column >> 3)]! >> (column & 7)) & 1) !== 0
}

function generatedLeftOut({ name }: Table): TailraceError {
  return new TailraceError(
    'BINLOG_GENERATED',
    'stop',
    `Updates of ${name} are in the binary log without its virtual columns, whether these changed or not.`,
    {
      hint: "SET GLOBAL binlog_row_image = 'FULL'; then read the table again: tailrace backfill --source NAME --resnapshot. Or exclude the columns.",
    },
  )
}

function uncounted({ name }: Table): TailraceError {
  return new TailraceError(
    'BINLOG_UNCOUNTED',
    'stop',
    `Rows of ${name} with nothing but defaults are in the binary log, which does not say how many.`,
    {
      hint: "SET GLOBAL binlog_row_image = 'FULL'; then read the table again: tailrace backfill --source NAME --resnapshot.",
    },
  )
}
