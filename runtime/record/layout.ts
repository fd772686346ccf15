/**
 * Record format 1: the bytes of a change, in a batch, in the log and on its way to a sink.
 *
 * A batch is a run of entries. Every entry takes one offset: the log's offset of an entry is the base of the chunk
 * that holds it plus the entry's delta. Integers of the fixed header are little-endian; the lengths inside cells are
 * big-endian, because a run of cells is byte for byte the body of a pgoutput TupleData
 * (https://www.postgresql.org/docs/current/protocol-logicalrep-message-formats.html), so that the PostgreSQL source
 * copies a tuple in one move.
 *
 *   at  size  field
 *    0     4  length of the entry with this header; LONG = a 64-bit length follows the header
 *    4     1  kind, one of EntryKind
 *    5     1  flags, see Flag
 *    6     2  keyAt: where the key begins, counted from the first cell (0 when Flag.key)
 *    8     4  delta: offset of the entry minus the base of its chunk
 *   12     4  table id (0: none)
 *   16     4  index of the change in its transaction, from 0 (a transaction header: index of the change behind it);
 *             from 2^32 - 1 on all have that number
 *   20     4  key length in bytes (0: none)
 *   24        body
 *
 *   change (c r u d m)   [u64 length if LONG] [moved: u32be length, bytes] [key bytes, if Flag.key]
 *                        [before: u64be length, cells] cells to the end of the entry
 *   truncate (t)         empty
 *   schema (s)           the Table as JSON (record/schema.ts)
 *   transaction (B)      i64 commit time, u32be length + transaction number, u32be length + commit position
 *   unit end (e, h)      i64 append time, the UnitEnd as JSON; h ends a unit without changes (a heartbeat)
 *
 *   cell                 tag, then for text and bytes: u32be length (LONG: u64be length follows), bytes; for ref: u64be
 *
 * All times are signed 64-bit microseconds since 1970-01-01 UTC. A key is the concatenation of the key columns' cells
 * in the order of `Table.key`; it is injective because every cell carries its tag and length. Entries below a
 * transaction header belong to it, except unit ends and what has Flag.outside; a chunk that begins inside a transaction repeats the header with Flag.continued,
 * so a chunk can always be read alone. An unknown kind, tag or flag stops the reader.
 */
export const FORMAT_VERSION = 1

/** Bytes of the fixed header, which is all that a row costs beyond its cells. */
export const HEADER = 24

/** In a 32-bit length: the length stands in 64 bits behind the header (entries) or behind itself (cells). */
export const LONG = 0xffff_ffff

export const At = { length: 0, kind: 4, flags: 5, keyAt: 6, delta: 8, table: 12, index: 16, keyLength: 20 } as const

/** ASCII of the entry's kind. */
export const EntryKind = {
  create: 0x63,
  read: 0x72,
  update: 0x75,
  delete: 0x64,
  truncate: 0x74,
  message: 0x6d,
  schema: 0x73,
  transaction: 0x42,
  unitEnd: 0x65,
  heartbeat: 0x68,
} as const

/** Kind letters of entries that readers see as changes, by their byte. */
export const CHANGE_KINDS = new Map<number, 'c' | 'r' | 'u' | 'd' | 't' | 'm' | 's'>([
  [EntryKind.create, 'c'],
  [EntryKind.read, 'r'],
  [EntryKind.update, 'u'],
  [EntryKind.delete, 'd'],
  [EntryKind.truncate, 't'],
  [EntryKind.message, 'm'],
  [EntryKind.schema, 's'],
])

/** Bytes of the kinds whose entries hold a row. */
export const KIND_BYTES = {
  c: EntryKind.create,
  r: EntryKind.read,
  u: EntryKind.update,
  m: EntryKind.message,
} as const

export const Flag = {
  /** No cell of the row is absent. */
  complete: 1,
  /** A before tuple stands ahead of the cells. */
  before: 2,
  /** The other key of a primary-key change: on a delete the key the row moved to, else the key it came from. */
  moved: 4,
  /** The key stands on its own because its cells are not one run of the tuple. */
  key: 8,
  /** On a transaction header: the transaction began in an earlier chunk. */
  continued: 16,
  /** On a transaction header: the rows are a load's; there is no transaction number. */
  load: 32,
  /** On a schema or a message: it belongs to no transaction, whatever header stands above. */
  outside: 64,
} as const

/** Flags a reader of format 1 knows. */
export const KNOWN_FLAGS = 127

/** The index of every change from the 2^32nd of a transaction on. */
export const LAST_INDEX = 0xffff_ffff

/** First byte of a cell. Everything else is spare and stops the reader. */
export const CellTag = {
  null: 0x6e,
  /** UTF-8 text exactly as the database prints the value. */
  text: 0x74,
  /** Bytes of a text value that are not valid UTF-8 (SQL_ASCII databases). */
  bytes: 0x62,
  /** The source did not send the value and no former state of the row was known. */
  absent: 0x75,
  /** Reserved for a value that stands in another record; stops a reader of format 1. */
  ref: 0x72,
} as const
export type CellTag = (typeof CellTag)[keyof typeof CellTag]
