import { createHash } from 'node:crypto'
import { type FileHandle, open } from 'node:fs/promises'
import { join } from 'node:path'
import { giveBack } from '../../../runtime/large-memory.ts'
import { spoolFailed } from './errors.ts'
import { readSpool } from './spool-file.ts'
import { chunkChecksum, chunkHead, EVENT_HEAD, MARK, nameChecksum, putEvent } from './spool-format.ts'

const CHUNK_BYTES = 256 * 1024
/** Most are small, and each has its own. */
const FIRST_BYTES = 4 * 1024

/** Of the file with what `name` prepared. A name holds any bytes: the file's is made from it. */
export function spoolPath(folder: string, name: string): string {
  return join(folder, `${createHash('sha256').update(name).digest('hex').slice(0, 40)}.xa`)
}

export interface SpoolPlace {
  readonly path: string
  /** Tells it from all others of the source. */
  readonly name: string
  /** Called before the file is made. */
  readonly makeFolder: () => Promise<void>
}

/** The events of one transaction, while it is being prepared. Up to a chunk stands in memory, the rest in the file. */
export class Spool {
  readonly path: string
  readonly #name: string
  readonly #makeFolder: () => Promise<void>
  #chunk = Buffer.allocUnsafe(FIRST_BYTES)
  #used = 0
  #file: FileHandle | undefined
  #checksum: number
  /** What was begun last: the file is closed behind it. */
  #work: Promise<void> = Promise.resolve()

  constructor({ path, name, makeFolder }: SpoolPlace) {
    this.path = path
    this.#name = name
    this.#makeFolder = makeFolder
    this.#checksum = nameChecksum(name)
  }

  /** Takes the event, copied, or answers a promise of the moment when it is to be given again. */
  add(type: number, bytes: Buffer, at: number, end: number): Promise<void> | undefined {
    const next = this.#used + EVENT_HEAD + end - at
    if (next > this.#chunk.length) {
      if (next > CHUNK_BYTES && this.#used > 0) return this.#do(() => this.#write())
      this.#enlarge(Math.max(next, CHUNK_BYTES))
    }
    this.#used = putEvent(this.#chunk, this.#used, type, bytes, at, end)
    return undefined
  }

  /** All of it is in the file, durably but for the file's name in its folder. Throws XA_FILE. */
  async keep(): Promise<void> {
    await this.#do(async () => {
      await this.#finish()
      await this.#file!.sync()
    })
    await this.close()
  }

  /** Its events in chunks (see eventEnd), without keeping it: each is valid until the next. */
  async *chunks(): AsyncGenerator<Buffer, void, void> {
    if (this.#file === undefined) yield this.#chunk.subarray(0, this.#used)
    else {
      await this.#do(() => this.#finish())
      yield* readSpool(this.path, this.#name)
    }
  }

  /** True: there is a file, whole or not. */
  get hasFile(): boolean {
    return this.#file !== undefined
  }

  /** Idempotent. What is under way ends first. */
  async close(): Promise<void> {
    await this.#work
    await this.#file?.close()
  }

  #enlarge(size: number): void {
    const larger = Buffer.allocUnsafeSlow(size)
    this.#chunk.copy(larger, 0, 0, this.#used)
    this.#chunk = larger
  }

  #do(work: () => Promise<void>): Promise<void> {
    const done = work().catch(error => {
      throw spoolFailed(error)
    })
    this.#work = done.catch(() => {})
    return done
  }

  async #finish(): Promise<void> {
    if (this.#used > 0 || this.#file === undefined) await this.#write()
    await this.#file!.write(chunkHead(0, this.#checksum))
  }

  async #write(): Promise<void> {
    if (this.#file === undefined) {
      await this.#makeFolder()
      this.#file = await open(this.path, 'w', 0o600)
      await this.#file.write(MARK)
    }
    const bytes = this.#chunk.subarray(0, this.#used)
    if (bytes.length > 0) {
      this.#checksum = chunkChecksum(bytes, this.#checksum)
      await writeWhole(this.#file, [chunkHead(bytes.length, this.#checksum), bytes])
    }
    this.#used = 0
    if (this.#chunk.length > CHUNK_BYTES) {
      giveBack(this.#chunk)
      this.#chunk = Buffer.allocUnsafe(CHUNK_BYTES)
    }
  }
}

async function writeWhole(file: FileHandle, pieces: readonly Buffer[]): Promise<void> {
  // `writeFile` on an open file goes on where it stands, and writes all.
  for (const piece of pieces) await file.writeFile(piece)
}
