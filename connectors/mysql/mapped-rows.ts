import type { Table } from '../../runtime/contract.ts'
import { Words } from '../../runtime/record/words.ts'
import { unreadable } from './binlog/binlog-error.ts'
import { EventType } from './binlog/event-types.ts'
import { parseRows, RowsFlag } from './binlog/rows-event.ts'
import { parseTableMap, readTableId, type TableMap } from './binlog/table-map.ts'
import type { Resolver } from './resolver.ts'
import type { RowEvents } from './row-events.ts'
import type { RowReading } from './row-reading.ts'
import type { Flavor } from './wire-column.ts'

export interface MappedRowsOptions {
  readonly resolver: Resolver
  readonly flavor: Flavor
  /** Bytes that rows which were compressed may have. */
  readonly largest: number
  readonly rows: RowEvents
  /** A change of the table follows. */
  readonly touch: (table: Table) => void
  /** A row of an outbox was updated, which is no event. */
  readonly onOutboxUpdate: (outbox: Table) => void
}

interface MappedTable {
  /** The event as it came. */
  readonly event: DataView
  readonly map: TableMap
  resolved: boolean
  reading: RowReading | undefined
}

/** Rows of a statement that touched no table: they refer to none. */
const NO_TABLE = 0xff_ffff

/** TABLE_MAP events and the rows behind them, which become records. Nothing is allocated per row. */
export class MappedRows {
  readonly #options: MappedRowsOptions
  readonly #tables = new Map<number, MappedTable>()
  readonly #words = new Words()
  /** Set when `take` answered false: settles when the same event can be given again. */
  pending: Promise<void> | undefined

  constructor(options: MappedRowsOptions) {
    this.#options = options
  }

  /** Tables are asked for again: what they are, or which numbers they have, has changed. */
  clear(): void {
    this.#tables.clear()
  }

  /** Takes a TABLE_MAP or rows, without header and checksum. Throws what its parsers, the rows and the resolver throw. */
  take(type: number, bytes: Buffer, at: number, end: number): boolean {
    if (type === EventType.tableMap) return this.#map(bytes, at, end)
    this.#rows(bytes, type, at, end)
    return true
  }

  #map(bytes: Buffer, at: number, end: number): boolean {
    const id = readTableId(bytes, at, end)
    let mapped = this.#tables.get(id)
    if (mapped === undefined || !isSame(mapped.event, this.#words.of(bytes), at, end)) {
      const map = parseTableMap(bytes, at, end, this.#options.flavor)
      mapped = {
        event: new DataView(Uint8Array.from(bytes.subarray(at, end)).buffer),
        map,
        resolved: false,
        reading: undefined,
      }
      this.#tables.set(id, mapped)
    }
    if (mapped.resolved) return true
    const known = mapped
    const take = (reading: RowReading | undefined): void => {
      known.reading = reading
      known.resolved = true
    }
    const answer = this.#options.resolver.resolve(mapped.map)
    if (answer === undefined || !('then' in answer)) {
      take(answer)
      return true
    }
    this.pending = answer.then(take)
    return false
  }

  #rows(bytes: Buffer, type: number, at: number, end: number): void {
    const { largest, touch, rows, onOutboxUpdate } = this.#options
    const event = parseRows(bytes, type, at, end, largest)
    const mapped = this.#tables.get(event.tableId)
    if (mapped === undefined) {
      if (event.tableId === NO_TABLE && (event.flags & RowsFlag.statementEnd) !== 0) return
      throw unreadable('it has rows of a table that was not described')
    }
    if (mapped.reading === undefined || event.at === event.end) return
    if (mapped.reading.route !== undefined && event.kind !== 'insert') {
      if (event.kind === 'update') onOutboxUpdate(mapped.reading.table)
      return
    }
    touch(mapped.reading.table)
    rows.write(event, mapped.reading)
  }
}

function isSame(known: DataView, bytes: DataView, at: number, end: number): boolean {
  const length = known.byteLength
  if (length !== end - at) return false
  let i = 0
  for (; i + 4 <= length; i += 4) if (bytes.getInt32(at + i) !== known.getInt32(i)) return false
  for (; i < length; i++) if (bytes.getUint8(at + i) !== known.getUint8(i)) return false
  return true
}
