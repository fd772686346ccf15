import { createHash } from 'node:crypto'
import type { MysqlClient } from './connection.ts'
import { quoteText } from './quote.ts'

/**
 * What is said before the server streams its binary log, and the command that makes it do so
 * (https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_replication.html,
 * https://mariadb.com/kb/en/replication-protocol/).
 */

/** Where the stream begins. */
export type DumpFrom =
  /** MySQL: everything but these, in GTIDs as the server encodes a set of them. */
  | { readonly kind: 'mysql-gtids'; readonly executed: Uint8Array }
  /** MariaDB: behind this state, `0-1-25,1-7-3`. */
  | { readonly kind: 'mariadb-state'; readonly state: string }
  | { readonly kind: 'file'; readonly file: string; readonly at: number }

export interface DumpOptions {
  readonly from: DumpFrom
  /** As which replica. */
  readonly serverId: number
  /** Tells one reader from another: one that connects anew ends its former connection. */
  readonly reader: string
  /** The server says something after so long a silence, seconds. */
  readonly heartbeatSeconds: number
}

const COM_BINLOG_DUMP = 0x12
const COM_BINLOG_DUMP_GTID = 0x1e
const THROUGH_GTID = 0x04
/** Behind a binary log's magic number. */
export const FIRST_POSITION = 4
/** MariaDB: GTID events are understood; without it they come as something else. */
const CAPABILITY_GTID = 4

/** Run one after the other on the connection that is to stream. */
export function dumpSettings(client: Pick<MysqlClient, 'flavor'>, options: DumpOptions): string[] {
  const { from, reader, heartbeatSeconds } = options
  const beat = String(BigInt(heartbeatSeconds) * 1_000_000_000n)
  if (client.flavor === 'mariadb')
    return [
      `SET @master_binlog_checksum = @@GLOBAL.binlog_checksum, @master_heartbeat_period = ${beat}`,
      `SET @mariadb_slave_capability = ${CAPABILITY_GTID}`,
      ...(from.kind === 'mariadb-state'
        ? [
            `SET @slave_connect_state = ${quoteText(from.state)}`,
            'SET @slave_gtid_strict_mode = 0, @slave_gtid_ignore_duplicates = 0',
          ]
        : []),
    ]
  const uuid = quoteText(uuidOf(reader))
  return [
    'SET @source_binlog_checksum = @@GLOBAL.binlog_checksum, @master_binlog_checksum = @@GLOBAL.binlog_checksum',
    `SET @source_heartbeat_period = ${beat}, @master_heartbeat_period = ${beat}`,
    `SET @replica_uuid = ${uuid}, @slave_uuid = ${uuid}`,
  ]
}

/** The command as a packet. */
export function dumpCommand({ from, serverId }: DumpOptions): Buffer {
  if (from.kind === 'mysql-gtids') return packet(gtidCommand(from.executed, serverId))
  const file = from.kind === 'file' ? from.file : ''
  const at = from.kind === 'file' ? from.at : FIRST_POSITION
  const name = Buffer.from(file, 'utf8')
  const body = Buffer.alloc(11 + name.length)
  body[0] = COM_BINLOG_DUMP
  body.writeUInt32LE(at, 1)
  body.writeUInt32LE(serverId, 7)
  name.copy(body, 11)
  return packet(body)
}

function gtidCommand(executed: Uint8Array, serverId: number): Buffer {
  const body = Buffer.alloc(23 + executed.length)
  body[0] = COM_BINLOG_DUMP_GTID
  body.writeUInt16LE(THROUGH_GTID, 1)
  body.writeUInt32LE(serverId, 3)
  // No name of a file: the server finds the one to begin with.
  body.writeUInt32LE(0, 7)
  body.writeBigUInt64LE(BigInt(FIRST_POSITION), 11)
  body.writeUInt32LE(executed.length, 19)
  body.set(executed, 23)
  return body
}

function packet(body: Buffer): Buffer {
  const head = Buffer.alloc(4)
  head.writeUIntLE(body.length, 0, 3)
  return Buffer.concat([head, body])
}

/** A replica's id from its names, in the upper half of the range, which people rarely use. */
export function defaultServerId(reader: string): number {
  return (digest(reader).readUInt32BE(0) | 0x8000_0000) >>> 0
}

function uuidOf(reader: string): string {
  const hex = digest(reader).toString('hex')
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20, 32)].join('-')
}

function digest(reader: string): Buffer {
  return createHash('sha256').update(`tailrace ${reader}`).digest()
}
