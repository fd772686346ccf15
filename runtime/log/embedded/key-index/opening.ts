import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { errorCode } from '../../../errors.ts'
import { Cursors } from '../cursors.ts'
import type { Session } from '../manifest.ts'
import { INDEX_FORMAT, LIFE_KEY, STATE_KEY, type State } from './layout.ts'
import { Store } from './store.ts'

/** The index's folder in that of its log, and where it looks things up in a unit that is still being written. */
export const INDEX_FOLDER = 'key-index'
export const OPEN_UNIT_FOLDER = 'key-index-unit'

/** The log as it is when its index is opened. */
export interface IndexedLog {
  readonly folder: string
  readonly logId: string
  readonly sessions: readonly Session[]
  /** Offset of the last durable entry; 0: none. */
  readonly end: number
  /** First offset of the oldest segment that is as it was appended. */
  readonly appendedFrom: number
  /** Why what is there is not to be used; undefined: it may be. */
  readonly badBecause: string | undefined
}

/**
 * Writes are not synced. What LevelDB has written survives the process, however it ends, because the kernel holds it;
 * a machine that stops may lose any part of it, and LevelDB would go on over the hole. So a store is used again only if
 * it was closed in good order (that write is synced), or in the life of the machine and at the place on the disk (not
 * a copy) where it was written.
 */
interface Life {
  readonly clean: boolean
  /** Of the machine's start; null where it cannot be told. */
  readonly boot: string | null
  /** Of the folder. */
  readonly inode: string
}

export interface OpenedIndex {
  readonly store: Store
  /** Undefined: empty, to be built from the beginning of the log. */
  readonly state: State | undefined
  /** Why what was there is not used; undefined if it is, or if there was nothing. */
  readonly discarded: string | undefined
}

/** Opens what fits the log, and makes anew what does not: it can always be built again. */
export async function openIndex(log: IndexedLog): Promise<OpenedIndex> {
  const folder = join(log.folder, INDEX_FOLDER)
  const found = log.badBecause ?? (await openStore(folder))
  const misfit = typeof found === 'string' ? found : misfitOf(found, folder, log)
  if (typeof found !== 'string') {
    const state = readJson<State>(found, STATE_KEY)
    if (misfit === undefined) {
      await markLife(found, folder, false)
      return { store: found, state, discarded: undefined }
    }
    await found[Symbol.asyncDispose]()
  }
  await Store.remove(folder)
  const store = await Store.open(folder)
  await markLife(store, folder, false)
  return { store, state: undefined, discarded: misfit }
}

/** Closes the store so that it is used again. */
export async function closeIndex(store: Store, logFolder: string): Promise<void> {
  await markLife(store, join(logFolder, INDEX_FOLDER), true)
  await store[Symbol.asyncDispose]()
}

/** The store, or why it cannot be read. */
async function openStore(folder: string): Promise<Store | string> {
  try {
    return await Store.open(folder)
  } catch (error) {
    const cause = (error as { cause?: unknown }).cause
    const code = errorCode(cause) ?? errorCode(error) ?? 'unknown'
    if (code === 'LEVEL_CORRUPTION' || code === 'LEVEL_IO_ERROR') return `it cannot be read (${code})`
    throw error
  }
}

function misfitOf(
  store: Store,
  folder: string,
  { logId, sessions, end, appendedFrom }: IndexedLog,
): string | undefined {
  const life = readJson<Life>(store, LIFE_KEY)
  const state = readJson<State>(store, STATE_KEY)
  if (life === undefined && state === undefined) return undefined
  if (life === undefined) return 'it does not say when it was written'
  if (!life.clean && (life.boot === null || life.boot !== bootId())) return 'the machine stopped while it was written'
  if (!life.clean && life.inode !== inodeOf(folder)) return 'it is a copy of one that was being written'
  if (state === undefined) return undefined
  if (state.format !== INDEX_FORMAT) return `it has format ${state.format}`
  if (state.logId !== logId) return 'it belongs to another log'
  if (state.applied > end) return 'it is ahead of the log'
  if (state.applied < appendedFrom - 1) return 'the log was compacted ahead of it'
  if (new Cursors(logId, sessions).sessionOf(state.applied) !== state.session)
    return 'the log was restored to an earlier state'
  return undefined
}

/** Durable on return, with all that was written before. */
async function markLife(store: Store, folder: string, clean: boolean): Promise<void> {
  const life: Life = { clean, boot: bootId(), inode: inodeOf(folder) }
  await store.put(LIFE_KEY, Buffer.from(JSON.stringify(life)), true)
}

function readJson<T>(store: Store, key: Buffer): T | undefined {
  const value = store.get(key)
  return value === undefined ? undefined : (JSON.parse(value.toString('utf8')) as T)
}

function bootId(): string | null {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
  } catch {
    // Not Linux: only a store that was closed in good order is used again.
    return null
  }
}

function inodeOf(folder: string): string {
  const { dev, ino } = statSync(folder, { bigint: true })
  return `${dev}:${ino}`
}
