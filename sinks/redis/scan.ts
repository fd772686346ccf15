import { abortable } from '../../runtime/abort.ts'
import type { Argument } from './commands.ts'
import type { Connection } from './connection.ts'
import { type KeyNames, ownerOf, patternOfAll } from './key-names.ts'
import type { Reply } from './reply.ts'

/** Walks over all keys of the database, which nobody has in order: a page at a time, while others write. */

const PAGE_KEYS = 1000
/** More different names than this are not remembered. */
const MOST_NAMES = 100_000

/** Runs commands all at once, and only while the database is still ours to write to. */
export interface Guard {
  run(commands: readonly (readonly Argument[])[], signal: AbortSignal): Promise<void>
}

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

/** Keys of these names, of any page each once. */
export async function* keysOf(
  connection: Connection,
  names: ReadonlySet<string>,
  signal: AbortSignal,
): AsyncGenerator<Buffer[]> {
  if (names.size === 0) return
  for await (const page of scan(connection, patternOfAll(names), signal)) {
    const keys = new Map(page.map(key => [key.toString('latin1'), key]))
    const own = [...keys.values()].filter(key => ownerOf(key.toString(), names) !== undefined)
    if (own.length > 0) yield own
  }
}

/** Removes every key of these names, some at a time. Answers how many. */
export async function sweep(
  connection: Connection,
  guard: Guard,
  names: ReadonlySet<string>,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, number>> {
  const counts = new Map<string, number>([...names].map(name => [name, 0]))
  for await (const keys of keysOf(connection, names, signal)) {
    await guard.run([['UNLINK', ...keys]], signal)
    for (const key of keys) {
      const name = ownerOf(key.toString(), names)!
      counts.set(name, counts.get(name)! + 1)
    }
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
  for await (const page of scan(connection, `${names.prefix}*`, signal))
    for (const key of page) {
      const name = names.nameIn(key.toString())
      if (name !== undefined) found.add(name)
      if (found.size > MOST_NAMES) return undefined
    }
  return found
}
