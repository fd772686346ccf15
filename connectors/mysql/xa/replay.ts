import type { MappedRows } from '../mapped-rows.ts'
import { EVENT_HEAD, eventEnd, eventType } from './spool-format.ts'

/**
 * Takes rows that were kept when they were prepared, in the group that commits them. `room`: while what was written waits
 * to be taken, a promise of the moment when there is room.
 */
export async function replay(
  chunks: AsyncIterable<Buffer>,
  mapped: MappedRows,
  room: () => Promise<void> | undefined,
): Promise<void> {
  // Their tables have the numbers of then.
  mapped.clear()
  for await (const chunk of chunks)
    for (let at = 0; at < chunk.length; ) {
      const next = eventEnd(chunk, at)
      while (!mapped.take(eventType(chunk, at), chunk, at + EVENT_HEAD, next)) await mapped.pending
      await room()
      at = next
    }
  mapped.clear()
}
