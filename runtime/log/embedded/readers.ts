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
  /** Whether what is removed lies behind nobody who stands there. */
  isAboveHorizon(cursor: Cursor): boolean
}

/** The registered readers of a log and their cursors, in a file of their own. */
export class Readers {
  readonly #fs: Fs
  readonly #folder: string
  readonly #log: ReadersLog
  readonly #known: Map<string, ReaderState>
  #changed = 0
  #written = 0
  #writing: Promise<void> | undefined

  private constructor(fs: Fs, folder: string, log: ReadersLog, known: readonly ReaderState[]) {
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
    const fresh = { name, cursor: undefined, registeredAt: now(), savedAt: undefined, expired: false }
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
    if (reader !== undefined && (reader.cursor !== undefined || reader.expired)) {
      this.#known.set(name, { ...reader, cursor: undefined, savedAt: now(), expired: false })
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

  #missesNothing(reader: ReaderState | undefined, cursor: Cursor): boolean {
    if (this.#log.isAboveHorizon(cursor)) return true
    return reader?.cursor !== undefined && !reader.expired && this.#log.isAtLeast(cursor, reader.cursor)
  }

  async remove(name: string): Promise<void> {
    if (this.#known.delete(name)) await this.#store()
  }

  async list(): Promise<readonly ReaderState[]> {
    return [...this.#known.values()]
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

/** Without what versions before the first compaction did not know. */
type StoredReader = Omit<ReaderState, 'reads' | 'expired'> & Partial<Pick<ReaderState, 'reads' | 'expired'>>

/** What the file holds; nothing if there is none yet. */
export async function readReaders(fs: Fs, folder: string): Promise<ReaderState[]> {
  const found = await readChecked(fs, folder, READERS)
  if (found.state === 'damaged') throw damaged(join(folder, READERS), 0, 'it does not match its checksum')
  if (found.state === 'missing') return []
  return (found.value as StoredReader[]).map(({ cursor, savedAt, reads = 'state', expired = false, ...reader }) => ({
    ...reader,
    cursor,
    savedAt,
    reads,
    expired,
  }))
}

function now(): string {
  return new Date().toISOString()
}
