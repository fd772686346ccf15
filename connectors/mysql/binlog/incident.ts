import { EventReader } from './event-reader.ts'

/** The server could not log what happened: the log has a gap here. */
export interface Incident {
  /** 1: lost events. */
  readonly number: number
  readonly message: string
}

/** INCIDENT. Throws BINLOG_UNREADABLE. */
export function parseIncident(bytes: Buffer, at: number, end: number): Incident {
  const reader = new EventReader(bytes, at, end, 'an INCIDENT event')
  const number = reader.u16()
  // Some have no message, not even an empty one.
  const message = reader.left > 0 ? reader.view(reader.u8()).toString('utf8') : ''
  return { number, message }
}
