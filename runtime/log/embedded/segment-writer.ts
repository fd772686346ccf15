import { join } from 'node:path'
import type { Batch, Table } from '../../contract.ts'
import { isTailraceError } from '../../errors.ts'
import { malformed } from '../../record/cells.ts'
import { type ChunkHead, sealChunk } from './chunk.ts'
import { syncFile, syncFolder, writeFailed } from './failures.ts'
import { type File, type Fs, writeFully } from './fs.ts'
import type { Head } from './head.ts'
import type { Place } from './scan.ts'
import { encodeSegmentHeader, SEGMENT_HEADER, type SegmentInfo, segmentName } from './segment.ts'

/** The segment at the end of the log, open for writing. Chunks are put together and go out in one write. */
export class SegmentWriter {
  readonly #file: File
  readonly #path: string
  readonly #first: number
  /** Tables whose definition stands in it, as far as this opening knows. */
  readonly declared = new Set<number>()
  #at: number
  #crc: number
  #records: number
  #parts: Uint8Array[] = []

  private constructor(file: File, path: string, place: Place, records: number) {
    this.#file = file
    this.#path = path
    this.#first = place.segment
    this.#at = place.at
    this.#crc = place.crc
    this.#records = records
  }

  /** The file's name is durable on return; its content is so after `sync`. `madeAt`: microseconds since 1970. */
  static async create(
    { fs, folder, logId }: { readonly fs: Fs; readonly folder: string; readonly logId: string },
    first: number,
    name = segmentName({ first }),
    madeAt = BigInt(Date.now()) * 1000n,
  ): Promise<SegmentWriter> {
    const path = join(folder, name)
    const { header, crc } = encodeSegmentHeader(first, logId, madeAt)
    try {
      const file = await fs.open(path, 'create')
      try {
        await writeFully(file, [header], 0)
        await syncFolder(fs, folder)
      } catch (error) {
        await file.close()
        throw error
      }
      return new SegmentWriter(file, path, { segment: first, at: SEGMENT_HEADER, crc }, 0)
    } catch (cause) {
      throw isTailraceError(cause) ? cause : writeFailed(path, cause)
    }
  }

  static async reopen(fs: Fs, folder: string, place: Place, records: number): Promise<SegmentWriter> {
    const path = join(folder, segmentName({ first: place.segment }))
    try {
      return new SegmentWriter(await fs.open(path, 'update'), path, place, records)
    } catch (cause) {
      throw writeFailed(path, cause)
    }
  }

  get place(): Place {
    return { segment: this.#first, at: this.#at, crc: this.#crc }
  }

  get info(): SegmentInfo {
    return { first: this.#first, bytes: this.#at, records: this.#records }
  }

  get isEmpty(): boolean {
    return this.#at === SEGMENT_HEADER
  }

  /** The tables of the batch whose definition does not stand in it yet; `known`: beside those that the batch brings. */
  undeclared(batch: Batch, known: ReadonlyMap<number, Table>): Table[] {
    const missing: Table[] = []
    for (const id of batch.tables) {
      if (this.declared.has(id)) continue
      const table = batch.registry.get(id) ?? known.get(id)
      if (table === undefined) throw malformed(`a change of table ${id}, which was never announced,`, 0)
      missing.push(table)
    }
    return missing
  }

  /** Adds a chunk to the next write; the payload must not change until then. */
  put(head: ChunkHead, payload: Uint8Array): void {
    const { header, crc } = sealChunk(head, payload, this.#crc)
    this.#parts.push(header, payload)
    this.#crc = crc
    this.#records += head.changes
  }

  /** Writes what was put. After an error the segment must be cut and opened again. */
  async flush(): Promise<void> {
    const parts = this.#parts
    this.#parts = []
    try {
      await writeFully(this.#file, parts, this.#at)
    } catch (cause) {
      throw writeFailed(this.#path, cause)
    }
    for (const part of parts) this.#at += part.length
  }

  /** All that was written is durable on return. Throws LOG_FSYNC. */
  sync(): Promise<void> {
    return syncFile(this.#file, this.#path)
  }

  close(): Promise<void> {
    return this.#file.close()
  }
}

/** Begins a segment behind the last unit. The one ahead of it is then known to have ended. Durable on return. */
export async function beginSegment(
  place: { readonly fs: Fs; readonly folder: string; readonly logId: string },
  head: Head,
): Promise<SegmentWriter> {
  const segment = await SegmentWriter.create(place, head.end + 1)
  await segment.sync()
  head.begin(segment.info, segment.place)
  return segment
}
