import { closeSync, openSync, readSync } from 'node:fs'
import { join } from 'node:path'
import { asBuffer, readU32LE } from '../../../record/cells.ts'
import { At, EntryKind } from '../../../record/layout.ts'
import { entryLength } from '../../../record/slice.ts'
import { CHUNK_HEADER, ChunkType, decodeChunkHeader, inBlocks } from '../chunk.ts'
import { chunkBefore } from '../compaction/chunk-places.ts'
import { type Block, blocksOf, directoryLength, NO_HEADER, unpackBlock } from '../compaction/payload.ts'
import { type SegmentInfo, segmentName } from '../segment.ts'
import type { CompactedSet } from './compacted-set.ts'
import { indexFailed } from './failures.ts'
import type { FoundRecord } from './found-record.ts'

const OPEN_FILES = 16
const KNOWN_BLOCKS = 16
/** Larger blocks, of one large record each, are not kept. */
const KNOWN_BYTES = 256 * 1024

interface OpenFile {
  readonly info: SegmentInfo
  readonly file: number
  /** See compaction/chunk-places.ts. */
  readonly places: Buffer
}

/**
 * Reads single records from segments that were written anew, decompressing the block that holds them and that of their
 * transaction's header. Blocks the thread it is in.
 */
export class CompactedRecords implements Disposable {
  readonly #folder: string
  readonly #set: CompactedSet
  readonly #open = new Map<number, OpenFile>()
  /** Blocks read lately, by file and place. */
  readonly #blocks = new Map<string, Buffer>()

  constructor(folder: string, set: CompactedSet) {
    this.#folder = folder
    this.#set = set
  }

  /** Throws LOG_INDEX where the log is not as the index says. */
  find(offset: number): FoundRecord {
    const open = this.#fileOf(offset)
    const chunkAt = chunkBefore(open.places, offset)
    const header = decodeChunkHeader(this.#read(open, chunkAt, CHUNK_HEADER), 0)
    if (header === undefined || !inBlocks(header.type))
      throw misfit(open.info, chunkAt, 'no chunk in blocks stands there')
    const { base, appendTime, length } = header
    const payloadAt = chunkAt + CHUNK_HEADER
    const directory = this.#read(open, payloadAt, directoryLength(this.#read(open, payloadAt, 8)))
    const blocks = blocksOf(directory, length)
    const block = blocks?.findLast(({ firstDelta }) => base + firstDelta <= offset)
    if (blocks === undefined || block === undefined) throw misfit(open.info, chunkAt, `offset ${offset} is missing`)
    const bytes = this.#block(open, payloadAt, block)
    let transactionAt = block.headerAt
    for (let at = 0, end = 0; at < bytes.length; at = end) {
      end = at + entryLength(bytes, at, bytes.length)
      const found = base + readU32LE(bytes, at + At.delta)
      if (found > offset) break
      if (found < offset) {
        if (bytes[at + At.kind] === EntryKind.transaction) transactionAt = block.rawFrom + at
        continue
      }
      const transaction = this.#transaction(open, payloadAt, blocks, transactionAt)
      const record = bytes.subarray(at, end)
      const copy = (into: Buffer, to: number): void => {
        transaction.copy(into, to)
        record.copy(into, to + transaction.length)
      }
      return { headerLength: transaction.length, length: end - at, base, appendTime: Number(appendTime), copy }
    }
    throw misfit(open.info, chunkAt, `offset ${offset} is missing`)
  }

  /** Lets go of the files that were replaced. */
  moved(): void {
    for (const [first, { info, file }] of this.#open) {
      if (this.#set.files.get(first)?.compacted?.generation === info.compacted?.generation) continue
      closeSync(file)
      this.#open.delete(first)
    }
    this.#blocks.clear()
  }

  [Symbol.dispose](): void {
    for (const { file } of this.#open.values()) closeSync(file)
    this.#open.clear()
  }

  #transaction(open: OpenFile, payloadAt: number, blocks: readonly Block[], at: number): Buffer {
    if (at === NO_HEADER) return Buffer.alloc(0)
    const block = blocks.find(({ rawFrom, rawTo }) => rawFrom <= at && at < rawTo)
    if (block === undefined) throw misfit(open.info, payloadAt, 'a transaction has no header')
    const bytes = this.#block(open, payloadAt, block)
    const from = at - block.rawFrom
    return bytes.subarray(from, from + entryLength(bytes, from, bytes.length))
  }

  #block(open: OpenFile, payloadAt: number, block: Block): Buffer {
    const name = `${open.info.compacted!.generation} ${payloadAt + block.from}`
    const known = this.#blocks.get(name)
    if (known !== undefined) return known
    const bytes = unpackBlock(this.#read(open, payloadAt + block.from, block.to - block.from), block)
    if (bytes.length > KNOWN_BYTES) return bytes
    if (this.#blocks.size >= KNOWN_BLOCKS) this.#blocks.clear()
    this.#blocks.set(name, bytes)
    return bytes
  }

  #fileOf(offset: number): OpenFile {
    const info = this.#set.find(offset)
    if (info === undefined) throw indexFailed(`offset ${offset} is in no segment`)
    const known = this.#open.get(info.first)
    if (known !== undefined) return known
    const oldest = this.#open.values().next()
    if (this.#open.size >= OPEN_FILES && oldest.done !== true) {
      closeSync(oldest.value.file)
      this.#open.delete(oldest.value.info.first)
    }
    const file = openSync(join(this.#folder, segmentName(info)), 'r')
    const opened = { info, file, places: Buffer.alloc(0) }
    const at = info.compacted!.placesAt
    const header = decodeChunkHeader(this.#read(opened, at, CHUNK_HEADER), 0)
    if (header?.type !== ChunkType.places) throw misfit(info, at, 'the places of its chunks do not stand there')
    const open = { ...opened, places: this.#read(opened, at + CHUNK_HEADER, header.length) }
    this.#open.set(info.first, open)
    return open
  }

  #read({ file, info }: OpenFile, at: number, length: number): Buffer {
    const bytes = Buffer.allocUnsafeSlow(length)
    for (let done = 0; done < length; ) {
      const read = readSync(file, bytes, done, Math.min(length - done, 2 ** 30), at + done)
      if (read === 0) throw misfit(info, at, 'the file ends there')
      done += read
    }
    return asBuffer(bytes)
  }
}

function misfit(info: SegmentInfo, at: number, why: string): Error {
  return indexFailed(`${segmentName(info)} at byte ${at}: ${why}`)
}
