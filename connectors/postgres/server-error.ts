import { TailraceError } from '../../runtime/errors.ts'
import type { PostgresConfig } from './config.ts'
import { postgresError } from './connection.ts'

/** What the server says in an ErrorResponse, as far as it matters. */
export interface ServerError {
  readonly code: string
  readonly message: string
}

/** The body of an ErrorResponse: letter and text, again and again, ended by a zero. */
export function readErrorFields(bytes: Buffer, from: number, end: number): ServerError {
  const fields = { C: '', M: '' }
  for (let at = from; at < end && bytes[at] !== 0; ) {
    const letter = String.fromCharCode(bytes[at]!)
    const zero = bytes.indexOf(0, at + 1)
    const stop = zero === -1 || zero > end ? end : zero
    if (letter === 'C' || letter === 'M') fields[letter] = bytes.toString('utf8', at + 1, stop)
    at = stop + 1
  }
  return { code: fields.C, message: fields.M }
}

/** What to do when the stream cannot go on behind what the log holds. `source`: its name. */
export function resyncHint(source: string): string {
  return `Changes may be missing, so nothing goes on by itself. To read the tables again and append what differs: tailrace backfill --source ${source} --resnapshot (if no process runs: tailrace run --resnapshot ${source})`
}

/** What an error means while the stream is being started or read. `source`: its name. */
export function streamError(error: ServerError, config: PostgresConfig, source: string): TailraceError {
  const { code, message } = error
  if (code === '55006')
    return new TailraceError('SLOT_HELD', 'retry', `The replication slot is in use: ${message}`, {
      cause: error,
      hint: 'Another process reads from it: end that one, or give this pipeline a name or `slot` of its own.',
    })
  if (code === '42704' && message.includes('publication'))
    return new TailraceError('PUBLICATION_MISSING', 'stop', `The server cannot decode its log: ${message}`, {
      cause: error,
      hint: `The publication was dropped, or made again after changes that are still to be read. ${resyncHint(source)}`,
    })
  if (code === '42704' || code === '55000' || code === '58P01')
    return new TailraceError('SLOT_LOST', 'stop', `The replication slot cannot be read any more: ${message}`, {
      cause: error,
      hint: resyncHint(source),
    })
  return postgresError(error, config)
}

export function standbyError(): TailraceError {
  return new TailraceError('SOURCE_STANDBY', 'retry', 'The server is a standby, or still recovering.', {
    hint: 'Give the address of the primary. After a failover this passes by itself.',
  })
}

export function serverEnded(): TailraceError {
  return new TailraceError('SOURCE_UNREACHABLE', 'retry', 'The server ended the stream; it is shutting down.')
}
