import { cut, unreadable } from './binlog-error.ts'
import { EventReader } from './event-reader.ts'
import { EventType } from './event-types.ts'
import { inflateRecord } from './mariadb-compression.ts'

/** Bits of the flags of a rows event (Rows_event::enum_flag of MySQL's rows_event.h). */
export const RowsFlag = {
  /** The statement ends here; TABLE_MAPs before are done with. */
  statementEnd: 0x01,
  noForeignKeyChecks: 0x02,
  relaxedUniqueChecks: 0x04,
  completeRows: 0x08,
  /** MySQL 9.6: what foreign keys change in other tables is in the log as well. */
  sqlForeignKeys: 0x10,
} as const

/** Which columns an image has. */
export interface ImageColumns {
  /** One bit a column from byte `at` on, the lowest first. Valid as long as the event is. */
  readonly bits: Buffer
  readonly at: number
  /** How many bits are set. */
  readonly count: number
}

/** Rows of one table: an event of WRITE, UPDATE or DELETE_ROWS, which the images of the rows follow. */
export interface RowsEvent {
  readonly kind: 'insert' | 'update' | 'delete'
  /** After-images begin with what they have of JSON documents (partial-image.ts). */
  readonly isPartial: boolean
  readonly tableId: number
  readonly flags: number
  /** As many as the table had. */
  readonly columns: number
  readonly before: ImageColumns | undefined
  readonly after: ImageColumns | undefined
  /**
   * Inserts of nothing but defaults under binlog_row_image=MINIMAL: no image has a column, no row takes a byte, and how
   * many there are is not in the log.
   */
  readonly hasUncountedRows: boolean
  /** The rows stand here from `at` to `end`: of an update before-image and after-image in turn. */
  readonly bytes: Buffer
  readonly at: number
  readonly end: number
}

const WHAT = 'a rows event'
const MOST_COLUMNS = 4096

/**
 * Reads what stands before the rows, of any type that isRows names. `limit`: bytes that compressed rows may have.
 * Throws BINLOG_UNREADABLE, VALUE_TOO_LARGE.
 */
export function parseRows(bytes: Buffer, type: number, at: number, end: number, limit: number): RowsEvent {
  const reader = new EventReader(bytes, at, end, WHAT)
  const tableId = reader.u48()
  const flags = reader.u16()
  if (hasExtraData(type)) {
    const length = reader.u16()
    // Partition and NDB's own; the length counts itself.
    if (length < 2) throw cut(WHAT)
    reader.skip(length - 2)
  }
  const columns = reader.packed()
  if (columns > MOST_COLUMNS) throw unreadable(`${WHAT} has ${columns} columns`)
  const kind = kindOf(type)
  const first = readColumns(reader, columns)
  const second = kind === 'update' ? readColumns(reader, columns) : undefined
  const isCompressed = type >= EventType.writeRowsCompressedV1 && type <= EventType.deleteRowsCompressed
  const rows = isCompressed ? inflateRecord(bytes, reader.at, end, limit) : undefined
  const from = rows === undefined ? reader.at : 0
  const to = rows === undefined ? end : rows.length
  const isEmpty = first.count + (second?.count ?? 0) === 0
  // Rows that take no bytes would have no end.
  if (isEmpty && from !== to) throw unreadable(`${WHAT} has rows without columns`)
  return {
    kind,
    isPartial: type === EventType.partialUpdateRows,
    tableId,
    flags,
    columns,
    before: kind === 'insert' ? undefined : first,
    after: kind === 'insert' ? first : second,
    hasUncountedRows: isEmpty && columns > 0,
    bytes: rows ?? bytes,
    at: from,
    end: to,
  }
}

function hasExtraData(type: number): boolean {
  return (
    (type >= EventType.writeRows && type <= EventType.deleteRows) ||
    type === EventType.partialUpdateRows ||
    type >= EventType.writeRowsCompressed
  )
}

function kindOf(type: number): RowsEvent['kind'] {
  switch (type) {
    case EventType.writeRowsV1:
    case EventType.writeRows:
    case EventType.writeRowsCompressedV1:
    case EventType.writeRowsCompressed:
      return 'insert'
    case EventType.updateRowsV1:
    case EventType.updateRows:
    case EventType.partialUpdateRows:
    case EventType.updateRowsCompressedV1:
    case EventType.updateRowsCompressed:
      return 'update'
    default:
      return 'delete'
  }
}

function readColumns(reader: EventReader, columns: number): ImageColumns {
  const at = reader.skip((columns + 7) >> 3)
  const { bytes } = reader
  let count = 0
  let from = at
  for (let left = columns; left > 0; left -= 8) {
    const byte = bytes[from++]! & (left < 8 ? (1 << left) - 1 : 0xff)
    for (let bits = byte; bits !== 0; bits &= bits - 1) count++
  }
  return { bits: bytes, at, count }
}
