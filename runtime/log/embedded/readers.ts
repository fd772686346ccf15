import { join } from 'node:path'
import type { Cursor, ReaderState } from '../../contract.ts'
import { readChecked, replaceChecked } from './checked-file.ts'
import { damaged } from './failures.ts'
import type { Fs } from './fs.ts'

const READERS = 'readers'

/** The registered readers of a log and their cursors, in a file of their own. */
export class Readers {
  readonly #fs: Fs
  readonly #folder: string
  readonly #known: Map<string, ReaderState>
  #changed = 0
  #written = 0
  #writing: Promise<void> | undefined

  private constructor(fs: Fs, folder: string, known: readonly ReaderState[]) {
    this.#fs = fs
    this.#folder = folder
    this.#known = new Map(known.map(reader => [reader.name, reader]))
  }

  /** Throws LOG_DAMAGED: cursors cannot be told from anything else. */
  static async open(fs: Fs, folder: string): Promise<Readers> {
    return new Readers(fs, folder, await readReaders(fs, folder))
  }

  /** Keeps what is known of a reader registered before. Durable on return, as all that follow. */
  async register(name: string): Promise<void> {
    if (this.#known.has(name)) return
    this.#known.set(name, { name, cursor: undefined, registeredAt: now(), savedAt: undefined })
    await this.#store()
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

/** What the file holds; nothing if there is none yet. */
export async function readReaders(fs: Fs, folder: string): Promise<ReaderState[]> {
  const found = await readChecked(fs, folder, READERS)
  if (found.state === 'damaged') throw damaged(join(folder, READERS), 0, 'it does not match its checksum')
  if (found.state === 'missing') return []
  return (found.value as ReaderState[]).map(reader => ({ ...reader, cursor: reader.cursor, savedAt: reader.savedAt }))
}

function now(): string {
  return new Date().toISOString()
}
