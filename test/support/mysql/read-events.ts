import { parseControlEvent } from '../../../connectors/mysql/binlog/control-event.ts'
import { type Checksum, EventHeader, openEvent } from '../../../connectors/mysql/binlog/event-header.ts'
import { EventType, isRows } from '../../../connectors/mysql/binlog/event-types.ts'
import { applyJsonDiffs } from '../../../connectors/mysql/binlog/json-apply.ts'
import { parseJsonDiffs } from '../../../connectors/mysql/binlog/json-diff.ts'
import { PartialColumns, readPartialImage } from '../../../connectors/mysql/binlog/partial-image.ts'
import { payloadEvents } from '../../../connectors/mysql/binlog/payload-events.ts'
import { readImage } from '../../../connectors/mysql/binlog/row-image.ts'
import { type ImageColumns, parseRows, type RowsEvent } from '../../../connectors/mysql/binlog/rows-event.ts'
import { parseTableMap, type TableMap } from '../../../connectors/mysql/binlog/table-map.ts'
import { parseTransactionPayload } from '../../../connectors/mysql/binlog/transaction-payload.ts'
import { CellOutput } from '../../../connectors/mysql/values/cell-output.ts'
import type { CellReader } from '../../../connectors/mysql/values/cell-reader.ts'
import type { Flavor, WireColumn } from '../../../connectors/mysql/wire-column.ts'
import { WireType } from '../../../connectors/mysql/wire-types.ts'
import { cellEnd, cellText } from '../../../runtime/record/cells.ts'
import { CellTag } from '../../../runtime/record/layout.ts'
import { fixedReader, intReader, sizedReader } from './simple-readers.ts'
import { skipImage } from './skip-image.ts'

const LIMIT = 16 * 1024 * 1024

/** Reads whatever events it is given, each to its end, as a source would. */
export class EventsReader {
  checksum: Checksum = 'unknown'
  flavor: Flavor = 'mysql'
  readonly maps = new Map<number, TableMap>()
  /** One line for each row, and the kind of each other event. */
  readonly told: string[] = []
  readonly #out = new CellOutput()
  readonly #starts = new Uint32Array(4097)
  readonly #partial = new PartialColumns()

  /** A whole file behind its four magic bytes. */
  async file(bytes: Buffer): Promise<void> {
    for (let at = 4; at < bytes.length; ) {
      const next = at + bytes.readUInt32LE(at + 9)
      await this.event(bytes, at, next)
      at = next
    }
  }

  async event(bytes: Buffer, at: number, end: number, checksum = this.checksum): Promise<void> {
    const header = new EventHeader()
    openEvent(bytes, at, end, checksum, header)
    if (header.type === EventType.transactionPayload) {
      const payload = parseTransactionPayload(bytes, header.at, header.end)
      for await (const run of payloadEvents(bytes, payload, LIMIT))
        for (let from = run.at; from < run.end; ) {
          const next = from + run.bytes.readUInt32LE(from + 9)
          await this.event(run.bytes, from, next, 'none')
          from = next
        }
    } else if (header.type === EventType.tableMap) {
      const map = parseTableMap(bytes, header.at, header.end, this.flavor)
      this.maps.set(map.tableId, map)
    } else if (isRows(header.type)) this.#rows(parseRows(bytes, header.type, header.at, header.end, LIMIT))
    else {
      const event = parseControlEvent(bytes, header, LIMIT)
      this.told.push(event.kind)
      if (event.kind !== 'formatDescription') return
      this.checksum = event.format.checksum
      this.flavor = event.format.flavor
    }
  }

  #rows(rows: RowsEvent): void {
    const map = this.maps.get(rows.tableId)
    if (map === undefined || map.columns.length !== rows.columns) return
    const readers = map.columns.map(readerOf)
    for (let at = rows.at; at < rows.end; ) {
      const images: string[] = []
      if (rows.before !== undefined) at = this.#image(rows, at, rows.before, readers, images)
      if (rows.after !== undefined)
        at = rows.isPartial
          ? this.#partialImage(rows, at, rows.after, map, readers, images)
          : this.#image(rows, at, rows.after, readers, images)
      this.told.push(`${rows.kind} ${map.table} ${images.join(' -> ')}`)
    }
  }

  #image(rows: RowsEvent, at: number, image: ImageColumns, readers: CellReader[], images: string[]): number {
    this.#out.at = 0
    const next = readImage(rows.bytes, at, rows.end, image, readers, wanted(readers), this.#out, this.#starts)
    if (skipImage(rows.bytes, at, rows.end, image, readers) !== next) throw new Error('skipped otherwise than read')
    images.push(tellCells(this.#out))
    return next
  }

  #partialImage(
    { bytes, end }: RowsEvent,
    at: number,
    image: ImageColumns,
    map: TableMap,
    readers: CellReader[],
    images: string[],
  ): number {
    this.#out.at = 0
    const json = Uint8Array.from(map.columns, ({ type }) => (type === WireType.json ? 1 : 0))
    const partial = this.#partial
    const next = readPartialImage(bytes, at, end, image, readers, json, wanted(readers), this.#out, partial)
    const parts = [tellCells(this.#out)]
    for (let i = 0; i < partial.count; i++) {
      const diffs = parseJsonDiffs(bytes, partial.from[i]!, partial.to[i]!)
      parts.push(...diffs.map(({ operation, path }) => `${operation} ${path.join('/')}`))
      applyToAnything(diffs, bytes)
    }
    images.push(parts.join('; '))
    return next
  }
}

/** The document is not known here: that a difference does not fit it is one of the right answers. */
function applyToAnything(diffs: ReturnType<typeof parseJsonDiffs>, bytes: Buffer): void {
  try {
    applyJsonDiffs('{"a": [1, 2], "bb": {"c": 1}}', diffs, bytes, () => '1.50')
  } catch (error) {
    if (!String(error).includes('does not fit')) throw error
  }
}

function wanted(readers: readonly CellReader[]): Uint8Array {
  return new Uint8Array(readers.length).fill(1)
}

/** Cells as text, null, and ? for absent ones. */
export function tellCells(out: CellOutput): string {
  const cells: string[] = []
  for (let at = 0; at < out.at; ) {
    const next = cellEnd(out.bytes, at, out.at)
    const text = cellText(out.bytes, at, next)
    cells.push(out.bytes[at] === CellTag.absent ? '?' : text === null ? 'null' : text.slice(0, 20))
    at = next
  }
  return cells.join(' ')
}

const FIXED: Readonly<Record<number, number>> = {
  [WireType.tiny]: 1,
  [WireType.year]: 1,
  [WireType.short]: 2,
  [WireType.int24]: 3,
  [WireType.date]: 3,
  [WireType.time]: 3,
  [WireType.float]: 4,
  [WireType.timestamp]: 4,
  [WireType.longlong]: 8,
  [WireType.double]: 8,
  [WireType.datetime]: 8,
}

/** Enough to find where each value ends. */
function readerOf({ type, meta }: WireColumn): CellReader {
  const fixed = FIXED[type]
  if (fixed !== undefined) return fixedReader(fixed)
  switch (type) {
    case WireType.long:
      return intReader
    case WireType.blob:
    case WireType.blobCompressed:
    case WireType.json:
    case WireType.geometry:
    case WireType.vector:
      return sizedReader(Math.min(Math.max(1, meta), 4))
    case WireType.enum:
    case WireType.set:
      return fixedReader(Math.min(Math.max(1, meta), 8))
    case WireType.timestamp2:
      return fixedReader(4 + ((meta + 1) >> 1))
    case WireType.datetime2:
      return fixedReader(5 + ((meta + 1) >> 1))
    case WireType.time2:
      return fixedReader(3 + ((meta + 1) >> 1))
    case WireType.bit:
      return fixedReader((meta >> 8) + ((meta & 0xff) > 0 ? 1 : 0))
    case WireType.newdecimal:
      return fixedReader(decimalSize(meta & 0xff, meta >> 8))
    default:
      return sizedReader(meta > 255 ? 2 : 1)
  }
}

const DIGITS = [0, 1, 1, 2, 2, 3, 3, 4, 4, 4]

function decimalSize(precision: number, scale: number): number {
  const whole = Math.max(0, precision - scale)
  return ((whole / 9) | 0) * 4 + DIGITS[whole % 9]! + ((scale / 9) | 0) * 4 + DIGITS[scale % 9]!
}
