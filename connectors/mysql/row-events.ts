import type { Table } from '../../runtime/contract.ts'
import { TailraceError } from '../../runtime/errors.ts'
import { BEFORE_LENGTH, type FormerRow, type RowWriter } from '../common/row-writer.ts'
import { Span } from '../common/scratch.ts'
import { unreadable } from './binlog/binlog-error.ts'
import { PartialColumns, readPartialImage } from './binlog/partial-image.ts'
import { readImage } from './binlog/row-image.ts'
import type { ImageColumns, RowsEvent } from './binlog/rows-event.ts'
import { completePartial } from './partial-json.ts'
import type { RowReading } from './row-reading.ts'
import { requireValueSizes } from './value-limit.ts'
import { CellOutput, likelyRoom } from './values/cell-output.ts'

/** Reads the rows of events and writes them as records. Nothing is allocated per row. */
export class RowEvents {
  readonly #rows: RowWriter
  readonly #placed = new CellOutput()
  readonly #oldCells = new CellOutput()
  readonly #newCells = new CellOutput()
  readonly #old = new Span()
  readonly #new = new Span()
  readonly #partial = new PartialColumns()
  readonly #largestValue: number
  #oldStarts = new Uint32Array(64)
  #newStarts = new Uint32Array(64)

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
    if (this.#newStarts.length <= event.columns) {
      this.#oldStarts = new Uint32Array(2 * event.columns)
      this.#newStarts = new Uint32Array(2 * event.columns)
    }
    if (event.kind === 'insert') this.#insert(event, reading)
    else if (event.kind === 'update') this.#update(event, reading)
    else this.#delete(event, reading)
  }

  #insert({ bytes, at, end, after }: RowsEvent, reading: RowReading): void {
    const isWhole = after!.count === reading.readers.length
    for (let from = at; from < end; ) {
      const next = isWhole ? this.#placeInsert(bytes, from, end, after!, reading) : -1
      if (next >= 0) {
        from = next
        continue
      }
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
    const isWhole = former === 'whole' && after!.count === reading.readers.length && !event.isPartial
    for (let from = at; from < end; ) {
      const next = isWhole ? this.#placeUpdate(event, from, reading) : -1
      if (next >= 0) {
        from = next
        continue
      }
      from = this.#image(bytes, from, end, before!, reading, this.#oldCells, this.#old)
      if (event.isPartial) from = this.#partialImage(event, from, reading)
      else from = this.#image(bytes, from, end, after!, reading, this.#newCells, this.#new)
      this.#rows.updateFrom(reading, this.#old, this.#new, former)
    }
  }

  /** Reads a row straight into the batch and answers where it ends; -1: it must be read into memory of its own. */
  #placeInsert(bytes: Buffer, from: number, end: number, after: ImageColumns, reading: RowReading): number {
    const rows = this.#rows
    const cells = this.#placed
    const starts = this.#newStarts
    const size = likelyRoom(end - from, reading.readers.length)
    const at = rows.room(reading, size)
    if (at < 0) return -1
    cells.place(rows.bytes, at, size)
    const next = readImage(bytes, from, end, after, reading.readers, reading.wanted, cells, starts)
    if (!cells.isPlaced) return -1
    this.#requireSizes(reading, cells.bytes, at, cells.at)
    rows.placedInsert(reading, at, cells.at, starts)
    return next
  }

  /** As `#placeInsert`, of a row before and after. A key that moved is two records. */
  #placeUpdate({ bytes, end, before, after }: RowsEvent, from: number, reading: RowReading): number {
    const rows = this.#rows
    const cells = this.#placed
    const { readers, wanted } = reading
    const size = likelyRoom(end - from, 2 * readers.length)
    const at = rows.room(reading, size)
    if (at < 0) return -1
    const oldAt = at + BEFORE_LENGTH
    cells.place(rows.bytes, oldAt, size)
    const middle = readImage(bytes, from, end, before!, readers, wanted, cells, this.#oldStarts)
    const newAt = cells.at
    const next = readImage(bytes, middle, end, after!, readers, wanted, cells, this.#newStarts)
    if (!cells.isPlaced) return -1
    this.#requireSizes(reading, cells.bytes, oldAt, newAt)
    this.#requireSizes(reading, cells.bytes, newAt, cells.at)
    return rows.placedUpdate(reading, at, cells.at, this.#oldStarts, this.#newStarts) ? next : -1
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
    reading: RowReading,
    cells: CellOutput,
    span: Span,
  ): number {
    cells.clear()
    const next = readImage(bytes, at, end, columns, reading.readers, reading.wanted, cells, this.#newStarts)
    this.#requireSizes(reading, cells.bytes, 0, cells.at)
    span.bytes = cells.bytes
    span.end = cells.at
    return next
  }

  #requireSizes({ table, wantedColumns }: RowReading, cells: Buffer, at: number, end: number): void {
    requireValueSizes(table.name, wantedColumns, cells, at, end, this.#largestValue)
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
      hint: "Leave them out (columns: exclude) or make them STORED: MariaDB 11.8 never logs them. Before it, SET GLOBAL binlog_row_image = 'FULL', then tailrace backfill --source NAME --resnapshot.",
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
