import { sleep } from '../abort.ts'
import { Backoff } from '../backoff.ts'
import type { Source, SourceLog, Table } from '../contract.ts'
import { newestTables } from '../tables.ts'
import type { Loads } from './loads.ts'

const LOOK_MS = 1000
/** Keys of one request. */
const KEYS = 1000

export interface RepairPlace {
  readonly log: SourceLog
  readonly loads: Loads
  readonly incompleteKeys: NonNullable<SourceLog['incompleteKeys']>
  readonly request: NonNullable<Source['request']>
}

/**
 * Reads the rows of which the log has not every column once more, until there are none (R4.7): their keys, in chunks
 * that are merged as any other. Where that mends nothing it is tried again with growing pauses: a row that the source
 * has deleted meanwhile ends with its delete. Works until its signal aborts.
 */
export async function repair(place: RepairPlace, signal: AbortSignal): Promise<never> {
  const rests = new Map<string, { readonly backoff: Backoff; until: number }>()
  for (;;) {
    for (const [name, incomplete] of await counts(place.log)) {
      const table = newestTables(place.log).get(name)
      const rest = rests.get(name) ?? { backoff: new Backoff(), until: 0 }
      if (table === undefined || place.loads.has(name) || performance.now() < rest.until) continue
      await repairTable(table, place, signal)
      const left = (await counts(place.log)).get(name) ?? 0
      if (left < incomplete) rests.delete(name)
      else rests.set(name, { ...rest, until: performance.now() + rest.backoff.pause(0) })
    }
    await sleep(LOOK_MS, signal)
  }
}

async function repairTable(
  table: Table,
  { loads, incompleteKeys, request }: RepairPlace,
  signal: AbortSignal,
): Promise<void> {
  let after: Uint8Array | undefined
  for (;;) {
    const keys = await incompleteKeys(table, after, KEYS)
    if (keys.length === 0) return
    after = keys.at(-1)!
    const wanted = request(table.name, { kind: 'keys', keys }, false)
    if (wanted === undefined || (await loads.repair(wanted, signal)) !== undefined) return
  }
}

async function counts(log: SourceLog): Promise<ReadonlyMap<string, number>> {
  return (await log.stats()).index?.incomplete ?? new Map()
}
