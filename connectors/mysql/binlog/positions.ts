import { EventReader } from './event-reader.ts'

/** Events that name a place in the binary log. All throw BINLOG_UNREADABLE. */
export interface FilePosition {
  readonly file: string
  readonly position: bigint
}

/** ROTATE: what follows comes from there. */
export function parseRotate(bytes: Buffer, at: number, end: number): FilePosition {
  const reader = new EventReader(bytes, at, end, 'a ROTATE event')
  const position = reader.u64()
  return { position, file: reader.text(reader.left) }
}

/** HEARTBEAT: the server has sent everything before. `position`: of its header, which has 32 bits only. */
export function parseHeartbeat(bytes: Buffer, at: number, end: number, position: number): FilePosition {
  const reader = new EventReader(bytes, at, end, 'a HEARTBEAT event')
  return { position: BigInt(position), file: reader.text(reader.left) }
}

const END = 0
const FILE = 1
const POSITION = 2

/** HEARTBEAT_V2 (MySQL 8.0.26): fields of type, length, value, of which unknown ones are passed over. */
export function parseHeartbeatV2(bytes: Buffer, at: number, end: number): FilePosition {
  const reader = new EventReader(bytes, at, end, 'a HEARTBEAT_V2 event')
  let file = ''
  let position = 0n
  while (reader.left > 0) {
    const type = reader.packed()
    if (type === END) break
    const length = reader.packed()
    if (type === FILE) file = reader.text(length)
    else if (type === POSITION) position = reader.packed64()
    else reader.skip(length)
  }
  return { file, position }
}

/** BINLOG_CHECKPOINT (MariaDB): the oldest file that crash recovery needs. */
export function parseBinlogCheckpoint(bytes: Buffer, at: number, end: number): string {
  const reader = new EventReader(bytes, at, end, 'a BINLOG_CHECKPOINT event')
  return reader.text(reader.u32())
}
