import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import { readWhole } from './checked-file.ts'
import { readU64, writeU64 } from './chunk.ts'
import { type File, type Fs, writeFully } from './fs.ts'
import type { Place } from './scan.ts'

const MARK = 'durable'
const SIZE = 64
const MAGIC = 'TRMARK01'

/** How far the log is durable at least: the last offset, and where the next chunk goes. */
export interface Mark extends Place {
  readonly logId: string
  readonly session: string
  readonly end: number
}

/**
 * The file in which the owner of a log says how far it is durable, overwritten after each fdatasync and never synced
 * itself: a lower bound that survives the process. Readers in other processes go no further.
 */
export class MarkFile implements AsyncDisposable {
  readonly #file: File
  readonly #failed: (error: unknown) => void
  #next: Mark | undefined
  #writing: Promise<void> | undefined

  private constructor(file: File, failed: (error: unknown) => void) {
    this.#file = file
    this.#failed = failed
  }

  /** `failed` hears of marks that could not be written; readers elsewhere then lag behind. */
  static async open(fs: Fs, folder: string, failed: (error: unknown) => void): Promise<MarkFile> {
    return new MarkFile(await fs.open(join(folder, MARK), 'replace'), failed)
  }

  /** Written soon; of several in a hurry only the newest. Nobody waits for it. */
  publish(mark: Mark): void {
    this.#next = mark
    this.#writing ??= this.#write()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#writing
    await this.#file.close()
  }

  async #write(): Promise<void> {
    try {
      while (this.#next !== undefined) {
        const bytes = encode(this.#next)
        this.#next = undefined
        await writeFully(this.#file, [bytes], 0)
      }
    } catch (error) {
      this.#failed(error)
    } finally {
      this.#writing = undefined
    }
  }
}

function encode(mark: Mark): Buffer {
  const bytes = Buffer.alloc(SIZE)
  bytes.write(MAGIC, 0, 'latin1')
  bytes.write(mark.logId, 8, 'hex')
  bytes.write(mark.session, 16, 'hex')
  writeU64(bytes, 24, mark.end)
  writeU64(bytes, 32, mark.segment)
  writeU64(bytes, 40, mark.at)
  bytes.writeUInt32LE(mark.crc, 48)
  bytes.writeUInt32LE(crc32(bytes.subarray(0, 60)), 60)
  return bytes
}

/** Undefined if there is none, or none that can be trusted. */
export async function readMark(fs: Fs, folder: string, logId: string): Promise<Mark | undefined> {
  const bytes = await readWhole(fs, join(folder, MARK))
  if (bytes?.length !== SIZE || crc32(bytes.subarray(0, 60)) !== bytes.readUInt32LE(60)) return undefined
  if (bytes.toString('latin1', 0, 8) !== MAGIC || bytes.toString('hex', 8, 16) !== logId) return undefined
  return {
    logId,
    session: bytes.toString('hex', 16, 24),
    end: readU64(bytes, 24),
    segment: readU64(bytes, 32),
    at: readU64(bytes, 40),
    crc: bytes.readUInt32LE(48),
  }
}
