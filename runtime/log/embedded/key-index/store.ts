import { mkdir, rm } from 'node:fs/promises'
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

type Level = ClassicLevel<Buffer, Buffer>
export type StoreBatch = ReturnType<Level['batch']>
export type EntryWalk = Iterator<Level, Buffer, Buffer>
export type KeyWalk = KeyIterator<Level, Buffer>

/**
 * LevelDB in a folder. A batch is written whole or not at all. Without `sync` a write survives the process, not the
 * machine: after a power loss any part of what was written since the last synced write may be missing.
 */
export class Store implements AsyncDisposable {
  readonly #level: Level
  #uncollected = 0

  private constructor(level: Level) {
    this.#level = level
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
    return new Store(level)
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
   * What was removed of all that begins with this byte leaves the files, too: they are rewritten, in the background.
   * LevelDB never rewrites files of the lowest level by themselves (TEST_CompactRange in its db_impl.cc), only together
   * with one above that overlaps them: so there is made one, of two deletes at the ends of the range.
   */
  async forget(prefix: number): Promise<void> {
    const [from, to] = [Buffer.from([prefix]), Buffer.from([prefix, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff])]
    // Only writes what is in memory to a file.
    await this.#level.compactRange(to, to)
    await this.#level.batch().del(from).del(to).write()
    await this.#level.compactRange(from, to)
  }

  /**
   * Closes it and opens it again. What LevelDB keeps of its files' bounds, which are keys, it only ever adds to: it begins
   * that list anew when it is opened. No walk may be under way.
   */
  async reopen(): Promise<void> {
    await this.#level.close()
    await this.#level.open()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#level.close()
  }
}
