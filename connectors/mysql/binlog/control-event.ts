import { encrypted, unreadable } from './binlog-error.ts'
import type { EventHeader } from './event-header.ts'
import { EventFlag, EventType } from './event-types.ts'
import { type FormatDescription, parseFormatDescription } from './format-description.ts'
import {
  parseTransactionContext,
  parseViewChange,
  type TransactionContext,
  type ViewChange,
} from './group-replication.ts'
import { type GtidEvent, parseGtid } from './gtid-event.ts'
import { parseGtidTagged } from './gtid-tagged.ts'
import { type Incident, parseIncident } from './incident.ts'
import { type MariadbGtid, type MariadbGtidEvent, parseGtidList, parseMariadbGtid } from './mariadb-gtid.ts'
import { type FilePosition, parseBinlogCheckpoint, parseHeartbeat, parseHeartbeatV2, parseRotate } from './positions.ts'
import { type GtidRanges, parsePreviousGtids } from './previous-gtids.ts'
import { parseExecuteLoadQuery, parseQuery, parseQueryCompressed, type QueryEvent } from './query-event.ts'
import * as context from './statement-context.ts'
import { parseXaPrepare, parseXid, type XaPrepare } from './transaction-end.ts'

/** Every event that is neither TABLE_MAP, rows, nor TRANSACTION_PAYLOAD. */
export type ControlEvent =
  | { readonly kind: 'formatDescription'; readonly format: FormatDescription }
  | { readonly kind: 'rotate'; readonly next: FilePosition }
  | { readonly kind: 'heartbeat'; readonly sent: FilePosition }
  | { readonly kind: 'stop' }
  | { readonly kind: 'incident'; readonly incident: Incident }
  | { readonly kind: 'gtid' | 'anonymousGtid'; readonly gtid: GtidEvent }
  | { readonly kind: 'mariadbGtid'; readonly gtid: MariadbGtidEvent }
  | { readonly kind: 'previousGtids'; readonly sets: readonly GtidRanges[] }
  | { readonly kind: 'gtidList'; readonly gtids: readonly MariadbGtid[] }
  | { readonly kind: 'query' | 'executeLoadQuery'; readonly query: QueryEvent }
  | { readonly kind: 'xid'; readonly xid: bigint }
  | { readonly kind: 'xaPrepare'; readonly prepare: XaPrepare }
  | { readonly kind: 'statementText'; readonly text: Buffer }
  | { readonly kind: 'intvar'; readonly intvar: context.Intvar }
  | { readonly kind: 'rand'; readonly rand: context.Rand }
  | { readonly kind: 'userVar'; readonly variable: context.UserVar }
  | { readonly kind: 'binlogCheckpoint'; readonly file: string }
  | { readonly kind: 'transactionContext'; readonly transaction: TransactionContext }
  | { readonly kind: 'viewChange'; readonly change: ViewChange }
  /** Part of LOAD DATA in STATEMENT format, or flagged to be passed over. */
  | { readonly kind: 'passedOver' }

const PASSED_OVER: ControlEvent = { kind: 'passedOver' }

/**
 * Reads the event that `header` was opened on. `limit`: bytes that a compressed statement may have. Throws
 * BINLOG_UNREADABLE, also for a type that is unknown and not flagged to be passed over; BINLOG_ENCRYPTED,
 * VALUE_TOO_LARGE.
 */
export function parseControlEvent(bytes: Buffer, header: EventHeader, limit: number): ControlEvent {
  const { type, at, end } = header
  switch (type) {
    case EventType.query:
      return { kind: 'query', query: parseQuery(bytes, at, end) }
    case EventType.xid:
      return { kind: 'xid', xid: parseXid(bytes, at, end) }
    case EventType.gtid:
      return { kind: 'gtid', gtid: parseGtid(bytes, at, end) }
    case EventType.anonymousGtid:
      return { kind: 'anonymousGtid', gtid: parseGtid(bytes, at, end) }
    case EventType.gtidTagged:
      return { kind: 'gtid', gtid: parseGtidTagged(bytes, at, end) }
    case EventType.mariadbGtid:
      return { kind: 'mariadbGtid', gtid: parseMariadbGtid(bytes, at, end, header.server) }
    case EventType.heartbeat:
      return { kind: 'heartbeat', sent: parseHeartbeat(bytes, at, end, header.position) }
    case EventType.heartbeatV2:
      return { kind: 'heartbeat', sent: parseHeartbeatV2(bytes, at, end) }
    case EventType.rotate:
      return { kind: 'rotate', next: parseRotate(bytes, at, end) }
    case EventType.formatDescription:
      return { kind: 'formatDescription', format: parseFormatDescription(bytes, at, end) }
    case EventType.previousGtids:
      return { kind: 'previousGtids', sets: parsePreviousGtids(bytes, at, end) }
    case EventType.gtidList:
      return { kind: 'gtidList', gtids: parseGtidList(bytes, at, end) }
    case EventType.queryCompressed:
      return { kind: 'query', query: parseQueryCompressed(bytes, at, end, limit) }
    case EventType.executeLoadQuery:
      return { kind: 'executeLoadQuery', query: parseExecuteLoadQuery(bytes, at, end) }
    case EventType.xaPrepare:
      return { kind: 'xaPrepare', prepare: parseXaPrepare(bytes, at, end) }
    case EventType.incident:
      return { kind: 'incident', incident: parseIncident(bytes, at, end) }
    case EventType.stop:
      return { kind: 'stop' }
    default:
      return parseRare(bytes, header)
  }
}

function parseRare(bytes: Buffer, { type, at, end, flags }: EventHeader): ControlEvent {
  switch (type) {
    case EventType.rowsQuery:
      return { kind: 'statementText', text: context.parseRowsQuery(bytes, at, end) }
    case EventType.annotateRows:
      return { kind: 'statementText', text: context.parseAnnotateRows(bytes, at, end) }
    case EventType.intvar:
      return { kind: 'intvar', intvar: context.parseIntvar(bytes, at, end) }
    case EventType.rand:
      return { kind: 'rand', rand: context.parseRand(bytes, at, end) }
    case EventType.userVar:
      return { kind: 'userVar', variable: context.parseUserVar(bytes, at, end) }
    case EventType.binlogCheckpoint:
      return { kind: 'binlogCheckpoint', file: parseBinlogCheckpoint(bytes, at, end) }
    case EventType.transactionContext:
      return { kind: 'transactionContext', transaction: parseTransactionContext(bytes, at, end) }
    case EventType.viewChange:
      return { kind: 'viewChange', change: parseViewChange(bytes, at, end) }
    case EventType.ignorable:
    case EventType.beginLoadQuery:
    case EventType.appendBlock:
    case EventType.deleteFile:
      return PASSED_OVER
    default:
      // A server that decrypts what it sends flags START_ENCRYPTION so (send_format_descriptor_event of MariaDB).
      if (flags & EventFlag.ignorable) return PASSED_OVER
      if (type === EventType.startEncryption) throw encrypted()
      throw unreadable(`it has an event of the unknown type ${type}`)
  }
}
