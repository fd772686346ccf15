import { createZstdDecompress, zstdDecompressSync } from 'node:zlib'
import { giveBack } from '../../../runtime/large-memory.ts'
import { readU32LE } from '../../../runtime/record/cells.ts'
import { cut, tooLarge, unreadable } from './binlog-error.ts'
import { HEADER } from './event-header.ts'
import type { TransactionPayload } from './transaction-payload.ts'

/** Whole events, one behind the other and without checksums, from `at` to `end`. */
export interface EventRun {
  readonly bytes: Buffer
  readonly at: number
  readonly end: number
}

const SIZE_AT = 9
/** Payloads of up to this size are decompressed at once: a stream costs more than it saves. */
const SMALL = 1024 * 1024
const CHUNK = 256 * 1024

/**
 * The events of a payload in runs, each valid until the next is asked for. Memory is bounded by a megabyte and the
 * largest event, however large the transaction is. Throws BINLOG_UNREADABLE, and VALUE_TOO_LARGE for an event of more
 * than `largest` bytes.
 */
export async function* payloadEvents(
  bytes: Buffer,
  payload: TransactionPayload,
  largest: number,
): AsyncGenerator<EventRun, void, void> {
  const { at, end, compression, uncompressedSize } = payload
  if (compression === 'none') yield wholeRun(bytes, at, end, largest)
  else if (uncompressedSize !== undefined && uncompressedSize <= SMALL) {
    const events = decompress(bytes.subarray(at, end), uncompressedSize)
    yield wholeRun(events, 0, events.length, largest)
  } else yield* streamed(bytes.subarray(at, end), largest)
}

function decompress(bytes: Buffer, size: number): Buffer {
  try {
    return zstdDecompressSync(bytes, { maxOutputLength: Math.max(1, size) })
  } catch (cause) {
    throw undecompressed(cause)
  }
}

function wholeRun(bytes: Buffer, at: number, end: number, largest: number): EventRun {
  if (wholeEnd(bytes, at, end, largest) !== end) throw cut('a transaction payload')
  return { bytes, at, end }
}

async function* streamed(compressed: Buffer, largest: number): AsyncGenerator<EventRun, void, void> {
  // What stays of a chunk behind its last whole event, and the beginning of the next.
  let kept: Buffer = Buffer.alloc(0)
  let size = 0
  for await (const chunk of chunks(compressed)) {
    let from = 0
    if (size > 0) {
      while (from < chunk.length && size < neededSize(kept, size, largest)) {
        const needed = neededSize(kept, size, largest)
        if (kept.length < needed) kept = enlarged(kept, size, needed)
        const moved = chunk.copy(kept, size, from, from + needed - size)
        size += moved
        from += moved
      }
      if (size < neededSize(kept, size, largest)) continue
      yield { bytes: kept, at: 0, end: size }
      if (kept.length > SMALL) {
        giveBack(kept)
        kept = Buffer.alloc(0)
      }
      size = 0
    }
    const whole = wholeEnd(chunk, from, chunk.length, largest)
    if (whole > from) yield { bytes: chunk, at: from, end: whole }
    size = chunk.length - whole
    if (kept.length < size) kept = enlarged(kept, 0, size)
    chunk.copy(kept, 0, whole)
  }
  if (size > 0) throw cut('a transaction payload')
}

async function* chunks(compressed: Buffer): AsyncGenerator<Buffer, void, void> {
  const stream = createZstdDecompress({ chunkSize: CHUNK })
  stream.end(compressed)
  try {
    yield* stream as AsyncIterable<Buffer>
  } catch (cause) {
    throw undecompressed(cause)
  } finally {
    stream.destroy()
  }
}

/** Bytes of the event that begins with `size` bytes of `bytes`: all of them, once enough are there to say. */
function neededSize(bytes: Buffer, size: number, largest: number): number {
  return size < HEADER ? HEADER : eventSize(bytes, 0, largest)
}

/** Where the last event ends that lies whole between `at` and `end`. */
function wholeEnd(bytes: Buffer, at: number, end: number, largest: number): number {
  let from = at
  while (end - from >= HEADER) {
    const next = from + eventSize(bytes, from, largest)
    if (next > end) break
    from = next
  }
  return from
}

function eventSize(bytes: Buffer, at: number, largest: number): number {
  const size = readU32LE(bytes, at + SIZE_AT)
  if (size < HEADER) throw unreadable(`an event in a transaction payload has ${size} bytes`)
  if (size > largest) throw tooLarge('an event', size, largest)
  return size
}

function enlarged(bytes: Buffer, used: number, size: number): Buffer {
  const larger = Buffer.allocUnsafeSlow(Math.max(size, CHUNK))
  bytes.copy(larger, 0, 0, used)
  return larger
}

function undecompressed(cause: unknown): Error {
  return unreadable('a transaction payload cannot be decompressed', cause)
}
