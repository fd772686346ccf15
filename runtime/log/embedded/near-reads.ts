import type { LogChunk } from './ring.ts'

/** Memory of all chunks that are kept; larger ones than a quarter of it are not. */
const LIMIT_BYTES = 16 * 1024 * 1024

/**
 * Chunks that a reader behind the ring has read from the segments, for other readers that come by soon: two sinks that
 * are built at the same time read, check and decompress each chunk once. Nothing is kept for a reader that is alone.
 */
export class NearReads {
  readonly #readers = new Set<object>()
  /** By first offset; the one read last behind all others. */
  readonly #chunks = new Map<number, LogChunk>()
  #bytes = 0

  /** This reader reads from the segments now, or does not any more. */
  set(reader: object, isBehind: boolean): void {
    if (isBehind) this.#readers.add(reader)
    else if (this.#readers.delete(reader) && this.#readers.size < 2) this.clear()
  }

  keep(chunk: LogChunk): void {
    const { base, bytes } = chunk.slice
    if (this.#readers.size < 2 || bytes.length > LIMIT_BYTES / 4 || this.#chunks.has(base)) return
    this.#chunks.set(base, chunk)
    this.#bytes += bytes.length
    for (const [first, { slice }] of this.#chunks) {
      if (this.#bytes <= LIMIT_BYTES) break
      this.#chunks.delete(first)
      this.#bytes -= slice.bytes.length
    }
  }

  /** The chunk that begins with this offset. */
  find(offset: number): LogChunk | undefined {
    return this.#chunks.get(offset)
  }

  /** What stands in the log may be something else now. */
  clear(): void {
    this.#chunks.clear()
    this.#bytes = 0
  }
}
