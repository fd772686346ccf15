/**
 * Type numbers of events. Up to 42 as both families give them (enum Log_event_type of MySQL's
 * libs/mysql/binlog/event/binlog_event.h); from 160 on MariaDB's own (sql/log_event.h there).
 */
export const EventType = {
  query: 2,
  stop: 3,
  rotate: 4,
  intvar: 5,
  appendBlock: 9,
  deleteFile: 11,
  rand: 13,
  userVar: 14,
  formatDescription: 15,
  xid: 16,
  beginLoadQuery: 17,
  executeLoadQuery: 18,
  tableMap: 19,
  writeRowsV1: 23,
  updateRowsV1: 24,
  deleteRowsV1: 25,
  incident: 26,
  heartbeat: 27,
  ignorable: 28,
  rowsQuery: 29,
  writeRows: 30,
  updateRows: 31,
  deleteRows: 32,
  gtid: 33,
  anonymousGtid: 34,
  previousGtids: 35,
  transactionContext: 36,
  viewChange: 37,
  xaPrepare: 38,
  partialUpdateRows: 39,
  transactionPayload: 40,
  heartbeatV2: 41,
  gtidTagged: 42,
  annotateRows: 160,
  binlogCheckpoint: 161,
  mariadbGtid: 162,
  gtidList: 163,
  startEncryption: 164,
  queryCompressed: 165,
  writeRowsCompressedV1: 166,
  updateRowsCompressedV1: 167,
  deleteRowsCompressedV1: 168,
  writeRowsCompressed: 169,
  updateRowsCompressed: 170,
  deleteRowsCompressed: 171,
} as const

/** Bits of the flags in an event's header. */
export const EventFlag = {
  /** Of FORMAT_DESCRIPTION alone: the file is being written, or was not closed. */
  inUse: 0x01,
  /** Made for the one who reads; it stands in no file. */
  artificial: 0x20,
  /** Whoever does not know the type passes it over. */
  ignorable: 0x80,
} as const

/** Whether `parseRows` (rows-event.ts) reads events of the type. */
export function isRows(type: number): boolean {
  return (
    (type >= EventType.writeRows && type <= EventType.deleteRows) ||
    type === EventType.partialUpdateRows ||
    (type >= EventType.writeRowsV1 && type <= EventType.deleteRowsV1) ||
    (type >= EventType.writeRowsCompressedV1 && type <= EventType.deleteRowsCompressed)
  )
}
