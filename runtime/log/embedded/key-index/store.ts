import { mkdir, readdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { ClassicLevel, type Iterator, type KeyIterator } from 'classic-level'
import { collect } from '../../../large-memory.ts'

/** LevelDB maps them into memory. */
const OPEN_FILES = 256

/** New entries in memory before they go to a file, twice the default: fewer files are merged. 16 MB take 50 MB in a first load. */
const WRITE_BUFFER = 8 * 1024 * 1024

/** Entries of batches that were written and whose memory may wait for the collector: some 5 MB. */
const UNCOLLECTED = 100_000

/** What a walk brings into memory at a time. */
const WALK_BYTES = 256 * 1024

/** Memory is written to a file of one of the levels from the top on that no file of it overlaps: of these. */
const TOP_LEVELS = 3

/** Ahead of all rows, behind all that is kept, and behind that. */
const FIRST = Buffer.from([0x02])
const LAST = Buffer.from([0xff])
const BEHIND = Buffer.from([0xff, 0xff])
const NOTHING = Buffer.alloc(0)

type Level = ClassicLevel<Buffer, Buffer>
export type StoreBatch = ReturnType<Level['batch']>
export type EntryWalk = Iterator<Level, Buffer, Buffer>
export type KeyWalk = KeyIterator<Level, Buffer>

/** Answers the key as text of one byte a character. */
export function removeFrom(batch: StoreBatch, key: Buffer): string {
  batch.del(key)
  return key.toString('latin1')
}

/**
 * LevelDB in a folder. A batch is written whole or not at all. Without `sync` a write survives the process, not the
 * machine: after a power loss any part of what was written since the last synced write may be missing.
 */
export class Store implements AsyncDisposable {
  readonly #level: Level
  readonly #folder: string
  #uncollected = 0

  private constructor(level: Level, folder: string) {
    this.#level = level
    this.#folder = folder
  }

  /** Makes it if it is missing; nobody else may look into the folder. */
  static async open(folder: string): Promise<Store> {
    await mkdir(folder, { recursive: true, mode: 0o700 })
    const level: Level = new ClassicLevel(folder, {
      keyEncoding: 'buffer',
      valueEncoding: 'buffer',
      // Keys and hashes hardly shrink, and the time is the ingest's.
      compression: false,
      maxOpenFiles: OPEN_FILES,
      writeBufferSize: WRITE_BUFFER,
    })
    await level.open()
    return new Store(level, folder)
  }

  static async remove(folder: string): Promise<void> {
    await rm(folder, { recursive: true, force: true })
  }

  get(key: Buffer): Buffer | undefined {
    return this.#level.getSync(key)
  }

  async put(key: Buffer, value: Buffer, sync: boolean): Promise<void> {
    await this.#level.put(key, value, { sync })
  }

  batch(): StoreBatch {
    return this.#level.batch()
  }

  /**
   * LevelDB's copy of a batch goes with the object that stands for it, of whose size the collector knows nothing: of 3.6
   * million rows 170 MB stayed. So it is called.
   */
  async write(batch: StoreBatch): Promise<void> {
    this.#uncollected += batch.length
    await batch.write()
    if (this.#uncollected < UNCOLLECTED) return
    this.#uncollected = 0
    // Once whoever wrote the batch holds it no more.
    setImmediate(collect)
  }

  /** All whose key begins with this byte, in order. */
  async *all(prefix: number): AsyncGenerator<readonly [Buffer, Buffer]> {
    yield* this.entries(Buffer.from([prefix]), Buffer.from([prefix + 1]))
  }

  /** From one key up to another, in order, as it all stands at the call. */
  entries(from: Buffer, to: Buffer): EntryWalk {
    return this.#level.iterator({ gte: from, lt: to, highWaterMarkBytes: WALK_BYTES })
  }

  keys(from: Buffer, to: Buffer): KeyWalk {
    return this.#level.keys({ gte: from, lt: to, highWaterMarkBytes: WALK_BYTES })
  }

  async firstKey(from: Buffer, to: Buffer): Promise<Buffer | undefined> {
    return (await this.#level.keys({ gte: from, lt: to, limit: 1 }).all())[0]
  }

  async lastKey(from: Buffer, to: Buffer): Promise<Buffer | undefined> {
    return (await this.#level.keys({ gte: from, lt: to, limit: 1, reverse: true }).all())[0]
  }

  /** Removes all in this range. It may be long, and others may read and write meanwhile. */
  async clear(from: Buffer, to: Buffer): Promise<void> {
    await this.#level.clear({ gte: from, lt: to })
  }

  /**
   * What was removed leaves the files of the data, too: they are rewritten, in the background. LevelDB never rewrites files
   * of the lowest level by themselves (TEST_CompactRange in its db_impl.cc), only together with one above that overlaps
   * them: so there is made one of two entries at the ends. It comes to lie a level higher each time, the third at the top;
   * and as each level then ends with the same entry, that is what LevelDB notes as the key up to which it has come there.
   */
  async rewrite(): Promise<void> {
    for (let level = 0; level < TOP_LEVELS; level++) {
      await this.#level.batch().put(FIRST, NOTHING).put(LAST, NOTHING).write()
      // Only writes what is in memory to a file.
      await this.#level.compactRange(BEHIND, BEHIND)
    }
    await this.#level.compactRange(FIRST, LAST)
  }

  /**
   * Closes it and opens it again: LevelDB's lists of its files name the first and last key of each, are only added to, and
   * are begun anew then. So is its own log, which tells of keys. No walk may be under way.
   */
  async reopen(): Promise<void> {
    await this.#level.close()
    await this.#level.open()
    await rm(join(this.#folder, 'LOG.old'), { force: true })
  }

  /** Whether one of these keys, as text of one byte a character, stands in what LevelDB keeps beside the data. */
  async isNoted(keys: ReadonlySet<string>): Promise<boolean> {
    const lengths = new Set(Array.from(keys, key => key.length))
    for (const name of await readdir(this.#folder)) {
      if (/\.(ldb|log)$/.test(name)) continue
      const noted = await readFile(join(this.#folder, name), 'latin1')
      for (const length of lengths)
        for (let at = 0; at + length <= noted.length; at++) if (keys.has(noted.slice(at, at + length))) return true
    }
    return false
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#level.close()
  }
}
