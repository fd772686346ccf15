import { sleep } from '../../../runtime/abort.ts'
import { type BinlogPlace, comparePlaces } from '../position.ts'
import type { Queries } from '../queries.ts'
import { quoteText } from '../quote.ts'
import { visiblePlace } from '../read-view.ts'
import type { ServerFacts } from '../server-facts.ts'

const PAUSE_MS = 20
const WAIT_SECONDS = 1

/**
 * Until every view that begins now sees the transaction, whose group ends at `place`: the log is ahead of the engine for
 * a moment. Without GTIDs nothing is waited for: reads lock the table then, and so wait themselves.
 */
export async function untilVisible(
  client: Queries,
  { flavor, hasGtid }: ServerFacts,
  transaction: string,
  place: BinlogPlace,
  signal: AbortSignal,
): Promise<void> {
  if (flavor === 'mysql' && !hasGtid) return
  for (;;) {
    signal.throwIfAborted()
    if (flavor === 'mariadb') {
      if ((comparePlaces(await visiblePlace(client), place) ?? 0) >= 0) return
      await sleep(PAUSE_MS, signal)
    } else {
      const [row] = await client.query(`SELECT WAIT_FOR_EXECUTED_GTID_SET(${quoteText(transaction)}, ${WAIT_SECONDS})`)
      if (row?.[0] === '0') return
    }
  }
}
