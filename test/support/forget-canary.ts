import type { RowKey, SourceLog } from '../../runtime/contract.ts'
import { type IndexedLogOptions, ITEMS, ItemWriter } from './indexed-log.ts'
import { never } from './log-life.ts'
import { tuple } from './records.ts'

/** A row that is known by its bytes, among others, in a log of many segments. */

/** What stands in no file once the row is forgotten. */
export const CANARY = ['canary-key', 'canary-value'] as const

/** All that is younger than an hour keeps its history. */
export const YOUNG: IndexedLogOptions = { segmentBytes: 2000, retention: { keepHistoryMs: 3_600_000 } }
/** Nothing does. */
export const OLD: IndexedLogOptions = { segmentBytes: 2000 }

export function rowOf(key: string): RowKey {
  return { table: ITEMS, key: tuple(key).bytes }
}

export const CANARY_ROW = rowOf('canary-key')

/** Changes of the canary in `writeCanary`, and of all rows, with the table's announcement where it is the first call. */
export const CANARY_CHANGES = 5
export const OTHER_CHANGES = 1 + 11 * 10 + 4 + 1

/** Rounds of updates of the same keys, in some of which the canary is changed; then its delete, and one more round. */
export async function writeCanary(log: SourceLog): Promise<ItemWriter> {
  const writer = new ItemWriter(log)
  const round = async (n: number): Promise<void> => {
    for (let key = 0; key < 10; key++)
      await log.append(writer.unit([[String(key), `text ${n}`]], n === 0 ? 'c' : 'u'), never)
  }
  for (let n = 0; n < 10; n++) {
    await round(n)
    const rows = [
      ['0', `with ${n}`],
      ['canary-key', `canary-value ${n}`],
    ] as const
    if (n % 3 === 0) await log.append(writer.unit(rows), never)
  }
  await log.append(writer.deletion(['canary-key', '3']), never)
  await round(10)
  return writer
}
