import { join } from 'node:path'
import type { Cursor, ReaderState } from '../../contract.ts'
import { readChecked, replaceChecked } from './checked-file.ts'
import { damaged } from './failures.ts'
import type { Fs } from './fs.ts'

const READERS = 'readers'

/** What compaction has removed, and the order of cursors. */
export interface ReadersLog {
  /** Whether a reader at the first cursor has read as much as one at the second. */
  isAtLeast(cursor: Cursor, other: Cursor): boolean
  /** Whether who stands there misses nothing that was removed. */
  isAboveHorizon(cursor: Cursor): boolean
  /** Number of the last removal of deletes, and of the last one when the reader with a cursor began; 0: none. */
  removal(): number
  begunAt(cursor: Cursor): number
}

/** `begun`: the last removal when it last began at the start of the log. */
type Reader = ReaderState & { readonly begun: number }

/** The registered readers of a log and their cursors, in a file of their own. */
export class Readers {
  readonly #fs: Fs
  readonly #folder: string
  readonly #log: ReadersLog
  readonly #known: Map<string, Reader>
  #changed = 0
  #written = 0
  #writing: Promise<void> | undefined

  private constructor(fs: Fs, folder: string, log: ReadersLog, known: readonly Reader[]) {
    this.#fs = fs
    this.#folder = folder
    this.#log = log
    this.#known = new Map(known.map(reader => [reader.name, reader]))
  }

  /** Throws LOG_DAMAGED: cursors cannot be told from anything else. */
  static async open(fs: Fs, folder: string, log: ReadersLog): Promise<Readers> {
    return new Readers(fs, folder, log, await readReaders(fs, folder))
  }

  /** Keeps what is known of a reader registered before. Durable on return, as all that follow. */
  async register(name: string, reads: ReaderState['reads'] = 'state'): Promise<void> {
    const known = this.#known.get(name)
    if (known?.reads === reads) return
    const fresh = { name, cursor: undefined, registeredAt: now(), savedAt: undefined, expired: false, begun: 0 }
    this.#known.set(name, { ...(known ?? fresh), reads })
    await this.#store()
  }

  /** See `SourceLog.readers`. What is removed stays below the cursors that are known here. */
  async admit(name: string, cursor: Cursor | undefined): Promise<Cursor | 'start'> {
    const reader = this.#known.get(name)
    if (cursor !== undefined && this.#missesNothing(reader, cursor)) {
      // A target that was restored to an earlier state.
      const isEarlier = reader?.cursor !== undefined && !this.#log.isAtLeast(cursor, reader.cursor)
      if (isEarlier) await this.save(name, cursor)
      return cursor
    }
    const begun = this.#log.removal()
    if (reader !== undefined && (reader.cursor !== undefined || reader.expired || reader.begun !== begun)) {
      this.#known.set(name, { ...reader, cursor: undefined, savedAt: now(), expired: false, begun })
      await this.#store()
    }
    return 'start'
  }

  /** Compaction waits for these no more. */
  async expire(names: readonly string[]): Promise<void> {
    for (const name of names) this.#known.set(name, { ...this.#known.get(name)!, expired: true })
    if (names.length > 0) await this.#store()
  }

  async load(name: string): Promise<Cursor | undefined> {
    return this.#known.get(name)?.cursor
  }

  /** Nothing happens for a reader that is not registered: it was removed. */
  async save(name: string, cursor: Cursor): Promise<void> {
    const reader = this.#known.get(name)
    if (reader === undefined) return
    this.#known.set(name, { ...reader, cursor, savedAt: now() })
    await this.#store()
  }

  async remove(name: string): Promise<void> {
    if (this.#known.delete(name)) await this.#store()
  }

  async list(): Promise<readonly ReaderState[]> {
    return [...this.#known.values()]
  }

  /** A cursor of a former life, from a backup of the target, says so or is of before what is known. */
  #missesNothing(reader: Reader | undefined, cursor: Cursor): boolean {
    if (this.#log.isAboveHorizon(cursor)) return true
    if (reader?.cursor === undefined || reader.expired) return false
    return this.#log.isAtLeast(cursor, reader.cursor) && this.#log.begunAt(cursor) >= reader.begun
  }

  /** One write at a time; all that has changed meanwhile goes into the next. */
  async #store(): Promise<void> {
    const mine = ++this.#changed
    while (this.#written < mine) {
      this.#writing ??= this.#write()
      await this.#writing
    }
  }

  async #write(): Promise<void> {
    const covers = this.#changed
    try {
      await replaceChecked(this.#fs, this.#folder, READERS, [...this.#known.values()])
      this.#written = covers
    } finally {
      this.#writing = undefined
    }
  }
}

/** What JSON leaves out, and what versions before the first compaction did not know. */
const UNTOLD = { cursor: undefined, savedAt: undefined, reads: 'state', expired: false, begun: 0 } as const

/** What the file holds; nothing if there is none yet. */
export async function readReaders(fs: Fs, folder: string): Promise<Reader[]> {
  const found = await readChecked(fs, folder, READERS)
  if (found.state === 'damaged') throw damaged(join(folder, READERS), 0, 'it does not match its checksum')
  if (found.state === 'missing') return []
  return (found.value as Reader[]).map(reader => ({ ...UNTOLD, ...reader }))
}

function now(): string {
  return new Date().toISOString()
}
