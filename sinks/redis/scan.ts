import { abortable } from '../../runtime/abort.ts'
import type { Connection } from './connection.ts'
import type { CursorRow } from './cursor-row.ts'
import { type KeyNames, ownerOf, patternOf } from './key-names.ts'
import type { Reply } from './reply.ts'

/** Walks over all keys of the database, which nobody has in order: a page at a time, while others write. */

const PAGE_KEYS = 1000
/** More different names than this are not remembered. */
const MOST_NAMES = 100_000

/**
 * Keys that fit the pattern. Every key that is there throughout comes; one that comes or goes meanwhile may; where the
 * database resizes itself a key may come twice.
 */
export async function* scan(connection: Connection, pattern: string, signal: AbortSignal): AsyncGenerator<Buffer[]> {
  let cursor = '0'
  do {
    const reply = await abortable(connection.ask('SCAN', cursor, 'MATCH', pattern, 'COUNT', PAGE_KEYS), signal)
    const [next, keys] = reply as readonly [Buffer, readonly Reply[]]
    cursor = next.toString()
    if (keys.length > 0) yield keys as Buffer[]
  } while (cursor !== '0')
}

/** Removes every key of these names, some at a time, each time only if the row is still ours. Answers how many. */
export async function sweep(
  connection: Connection,
  row: CursorRow,
  names: ReadonlySet<string>,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, number>> {
  const counts = new Map<string, number>([...names].map(name => [name, 0]))
  if (names.size === 0) return counts
  const [only] = names
  const pattern = names.size === 1 ? patternOf(only!) : '*'
  for await (const page of scan(connection, pattern, signal)) {
    const keys = page.filter(key => {
      const name = ownerOf(key.toString(), names)
      if (name !== undefined) counts.set(name, counts.get(name)! + 1)
      return name !== undefined
    })
    if (keys.length === 0) continue
    const remove = ['UNLINK', ...keys]
    await row.transact(
      undefined,
      transaction => {
        transaction.commands.add(...remove)
        transaction.causes.push(-1)
      },
      signal,
    )
  }
  return counts
}

/** The names that keys of the database have; undefined if they are too many. */
export async function survey(
  connection: Connection,
  names: KeyNames,
  signal: AbortSignal,
): Promise<ReadonlySet<string> | undefined> {
  const found = new Set<string>()
  for await (const page of scan(connection, '*', signal))
    for (const key of page) {
      const name = names.nameIn(key.toString())
      if (name !== undefined) found.add(name)
      if (found.size > MOST_NAMES) return undefined
    }
  return found
}
