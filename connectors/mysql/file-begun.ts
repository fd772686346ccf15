import { abortable } from '../../runtime/abort.ts'
import { isTailraceError } from '../../runtime/errors.ts'
import { EventHeader, openEvent } from './binlog/event-header.ts'
import { EventType } from './binlog/event-types.ts'
import { FIRST_POSITION } from './dump.ts'
import { DumpWire, type EventTaker } from './dump-wire.ts'
import { replicaId, type StartRequest } from './start.ts'

/** The first event of a file comes at once. */
const HEARTBEAT_SECONDS = 5

/**
 * When a file of the server's binary log was begun, seconds since 1970 by its clock: the time of its first event, which
 * no SQL tells. Undefined if the server has that file no more. Throws as mysqlError says: what a fault left unread is not
 * taken for a file that is gone.
 */
export async function fileBegun(
  { config, context, name }: Pick<StartRequest, 'config' | 'context' | 'name'>,
  file: string,
  signal: AbortSignal,
): Promise<number | undefined> {
  const { promise, resolve, reject } = Promise.withResolvers<number | undefined>()
  const header = new EventHeader()
  const taker: EventTaker = {
    event(bytes, at, end) {
      openEvent(bytes, at, end, 'unknown', header)
      if (header.type === EventType.formatDescription) resolve(header.time)
      return true
    },
    pending: () => Promise.resolve(),
    arrived: () => true,
    ended: error => (isTailraceError(error) && error.code === 'SOURCE_PURGED' ? resolve(undefined) : reject(error)),
  }
  const wire = await DumpWire.open(config, name, context.name, signal)
  try {
    const from = { kind: 'file', file, at: FIRST_POSITION } as const
    await wire.start(
      { from, serverId: replicaId(config, context), reader: name, heartbeatSeconds: HEARTBEAT_SECONDS },
      taker,
    )
    return await abortable(promise, signal)
  } finally {
    wire.close()
  }
}
