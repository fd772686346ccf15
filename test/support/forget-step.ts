import type { SourceLog } from '../../runtime/contract.ts'
import { errorCode } from '../../runtime/errors.ts'
import { keyText } from '../../runtime/record/key.ts'
import type { Random } from '../crash/random.ts'
import { ITEMS } from './indexed-log.ts'
import { settledKeys } from './keyed-units.ts'
import { never } from './log-life.ts'
import { tuple } from './records.ts'

/** A change as it is compared: all of it but the time of its chunk, which compaction lets go. */
interface Told {
  readonly key: string
  readonly moved: string | undefined
  readonly rest: string
}

/**
 * Asks the log to forget some rows, now and then one that is there. Throws if it refuses, or does not, against what is
 * promised, or if anything else than all changes of these rows is gone. Answers how many that were.
 */
export async function forgetSome(
  log: SourceLog,
  random: Random,
  unit: number,
  source: ReadonlyMap<string, string>,
): Promise<number> {
  const keys = new Set<string>()
  for (let i = random.between(1, 6); i > 0; i--) {
    const key = String(Math.max(0, settledKeys(unit) - 8) + random.between(0, 14))
    if (!source.has(key) || random.chance(0.05)) keys.add(key)
  }
  const before = await everything(log)
  const readers = await log.readers.list()
  const isRead = readers.every(({ cursor, expired }) => expired || (cursor !== undefined && cursor === log.end()))
  const rows = [...keys].map(key => ({ table: ITEMS, key: tuple(key).bytes }))
  const isLive = [...keys].some(key => source.has(key))
  let removed: readonly number[]
  try {
    removed = (await log.forget!(rows, never)).removed
  } catch (error) {
    const code = errorCode(error)
    if ((code === 'FORGET_LIVE' && isLive) || (code === 'FORGET_UNREAD' && !isLive && !isRead)) return 0
    throw error
  }
  if (isLive) throw new Error('a row was forgotten that is there')
  const wanted = before
    .filter(({ key }) => !keys.has(key))
    .map(told => (told.moved !== undefined && keys.has(told.moved) ? { ...told, moved: '' } : told))
  const found = await everything(log)
  if (JSON.stringify(found) !== JSON.stringify(wanted))
    throw new Error(
      `after ${[...keys].join(' ')} was forgotten there is ${JSON.stringify(found)}, not ${JSON.stringify(wanted)}`,
    )
  const count = removed.reduce((sum, of) => sum + of, 0)
  if (count !== before.length - found.length) throw new Error(`${count} changes were removed, it was said`)
  return count
}

async function everything(log: SourceLog): Promise<Told[]> {
  const all: Told[] = []
  const end = log.end()
  if (end === undefined) return all
  for await (const batch of log.read('start', () => true, never)) {
    for (const { kind, key, moved, version, transaction, commitTime, index, cells } of batch) {
      const rest = `${kind} ${version} ${transaction} ${commitTime} ${index} ${Buffer.from(cells).toString('hex')}`
      all.push({ key: keyText(key), moved: moved && keyText(moved), rest })
    }
    if (log.compare(batch.cursor, end) !== 'before') return all
  }
  return all
}
