import { cut } from './binlog-error.ts'
import type { EventReader } from './event-reader.ts'
import { formatUuid, type GtidEvent } from './gtid-event.ts'
import { readMessage, readVariable, readVariableLength, readVariableSigned } from './serialized-message.ts'

/** Numbers of the fields, in the order of Gtid_event::define_fields (MySQL's control_events.h). */
const FLAGS = 0
const UUID = 1
const NUMBER = 2
const TAG = 3
const LAST_COMMITTED = 4
const SEQUENCE_NUMBER = 5
const IMMEDIATE_COMMIT = 6
const ORIGINAL_COMMIT = 7
const TRANSACTION_LENGTH = 8
const IMMEDIATE_SERVER = 9
const ORIGINAL_SERVER = 10
const GROUP_TICKET = 11

const MAY_HAVE_STATEMENTS = 1
const WHAT = 'a GTID_TAGGED event'

type Fields = { -readonly [Name in keyof GtidEvent]?: GtidEvent[Name] }

/** GTID_TAGGED (MySQL 8.3): in place of GTID where the transaction has a tag. Throws BINLOG_UNREADABLE. */
export function parseGtidTagged(bytes: Buffer, at: number, end: number): GtidEvent {
  const fields: Fields = {}
  readMessage(bytes, at, end, WHAT, (id, reader) => readField(id, reader, fields))
  const { uuid, number, mayHaveStatements = true, immediateCommit, immediateServer } = fields
  if (uuid === undefined || number === undefined) throw cut(WHAT)
  return {
    uuid,
    tag: fields.tag ?? '',
    number,
    mayHaveStatements,
    lastCommitted: fields.lastCommitted,
    sequenceNumber: fields.sequenceNumber,
    immediateCommit,
    originalCommit: fields.originalCommit ?? immediateCommit,
    transactionLength: fields.transactionLength,
    immediateServer,
    originalServer: fields.originalServer ?? immediateServer,
  }
}

function readField(id: number, reader: EventReader, fields: Fields): boolean {
  switch (id) {
    case FLAGS:
      fields.mayHaveStatements = (readVariable(reader) & BigInt(MAY_HAVE_STATEMENTS)) !== 0n
      return true
    case UUID:
      // An array of numbers, each of which may take two bytes.
      fields.uuid = formatUuid(Buffer.from(Array.from({ length: 16 }, () => readVariableLength(reader))))
      return true
    case NUMBER:
      fields.number = readVariableSigned(reader)
      return true
    case TAG:
      fields.tag = reader.text(readVariableLength(reader))
      return true
    case LAST_COMMITTED:
      fields.lastCommitted = readVariableSigned(reader)
      return true
    case SEQUENCE_NUMBER:
      fields.sequenceNumber = readVariableSigned(reader)
      return true
    case IMMEDIATE_COMMIT:
      fields.immediateCommit = readVariable(reader)
      return true
    case ORIGINAL_COMMIT:
      fields.originalCommit = readVariable(reader)
      return true
    case TRANSACTION_LENGTH:
      fields.transactionLength = readVariable(reader)
      return true
    case IMMEDIATE_SERVER:
      fields.immediateServer = readVariableLength(reader)
      return true
    case ORIGINAL_SERVER:
      fields.originalServer = readVariableLength(reader)
      return true
    case GROUP_TICKET:
      readVariable(reader)
      return true
    default:
      return false
  }
}
