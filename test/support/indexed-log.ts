import type { Batch, Position, SourceLog, Table } from '../../runtime/contract.ts'
import type { Retention, Rewriter } from '../../runtime/log/embedded/compaction/compactor.ts'
import { rewrite } from '../../runtime/log/embedded/compaction/rewrite.ts'
import { erase } from '../../runtime/log/embedded/forget/erase.ts'
import type { Eraser } from '../../runtime/log/embedded/forget/forget.ts'
import { realFs } from '../../runtime/log/embedded/fs.ts'
import { KeyIndex } from '../../runtime/log/embedded/key-index/key-index.ts'
import { liveIndex } from '../../runtime/log/embedded/key-index/live-index.ts'
import { openLog } from '../../runtime/log/embedded/open.ts'
import { createLogger } from '../../runtime/logger.ts'
import { BatchWriter } from '../../runtime/record/writer.ts'
import { table, transaction, tuple } from './records.ts'

/** An embedded log with its index, as tests of the index need it. */

export const ITEMS: Table = table('item')

export interface IndexedLogOptions {
  readonly isIndexed?: boolean
  readonly trailBytes?: number
  /** Takes the messages of the log's logger. */
  readonly said?: string[]
  readonly segmentBytes?: number
  /** What compaction keeps; default: nothing longer than it must. */
  readonly retention?: Partial<Retention>
  /** How often it looks whether compaction is due; default: only when asked. */
  readonly compactionMs?: number
  /** Default: in the thread of the test. */
  readonly rewriter?: Rewriter
  readonly eraser?: Eraser
}

const KEEP_NOTHING: Retention = {
  keepHistoryMs: -1000,
  deleteRetentionMs: -1000,
  deleteRetentionMaxMs: 2 ** 40,
  retentionMs: undefined,
}

export async function openIndexed(folder: string, options: IndexedLogOptions = {}): Promise<SourceLog> {
  const {
    isIndexed = true,
    trailBytes,
    said,
    segmentBytes = 2 ** 20,
    rewriter = rewriteHere,
    eraser = eraseHere,
  } = options
  await realFs.makeFolder(folder)
  const logger = createLogger('info', { write: line => void said?.push(line) })
  const limits = { segmentBytes, maxBytes: 2 ** 40, ringBytes: 2 ** 20, checkpointBytes: 2 ** 24 }
  const opening: typeof KeyIndex.open = wanted =>
    KeyIndex.open(trailBytes === undefined ? wanted : { ...wanted, trailBytes })
  if (!isIndexed) return openLog(realFs, folder, limits, logger)
  const retention = { ...KEEP_NOTHING, ...options.retention }
  return openLog(realFs, folder, limits, logger, undefined, {
    openIndex: opening,
    ...(options.compactionMs !== undefined && { compactionMs: options.compactionMs }),
    compaction: index => ({ index: liveIndex(index!), rewriter, eraser, retention }),
  })
}

const eraseHere: Eraser = (job, signal) => erase(realFs, job, async () => signal.throwIfAborted())

const rewriteHere: Rewriter = (job, signal) => rewrite(realFs, job, async () => signal.throwIfAborted())

/** Units of rows `<key> <text>`, in one transaction each. */
export class ItemWriter {
  readonly writer: BatchWriter
  #position: number

  constructor(log: SourceLog, position = 0) {
    this.writer = new BatchWriter([...log.tables().values()])
    this.#position = position
    if (!log.tables().has(ITEMS.id)) this.writer.announce(ITEMS)
  }

  unit(rows: readonly (readonly [key: string, text: string | undefined])[], kind: 'c' | 'u' = 'c'): Batch {
    return transaction(this.writer, String(++this.#position), writer => {
      for (const [key, text] of rows) writer.row(kind, ITEMS, tuple(key, text))
    })
  }

  /** A row gets another key. */
  move(from: string, to: string, text: string): Batch {
    return transaction(this.writer, String(++this.#position), writer => {
      writer.delete(ITEMS, tuple(from, null), false, tuple(to).bytes)
      writer.row('u', ITEMS, tuple(to, text), undefined, tuple(from).bytes)
    })
  }

  /** A unit of two batches. */
  inParts(key: string): [Batch, Batch] {
    const position = String(++this.#position)
    this.writer.begin(position, position, 1n)
    this.writer.row('u', ITEMS, tuple(key, 'first part'))
    const first = this.writer.takePart()
    this.writer.row('u', ITEMS, tuple(key, 'second part'))
    this.writer.commit()
    return [first, this.writer.take({ lane: 'stream', position: position as Position })]
  }

  deletion(keys: readonly string[]): Batch {
    return transaction(this.writer, String(++this.#position), writer => {
      for (const key of keys) writer.delete(ITEMS, tuple(key, null), false)
    })
  }
}

/** A chunk of a load of items, or of another table like it, as the log is asked about it. */
export function loadChunk(log: SourceLog, rows: readonly (readonly [key: string, text: string])[], of = ITEMS): Batch {
  const writer = new BatchWriter([...log.tables().values()])
  writer.beginLoad('0', 1n)
  for (const row of rows) writer.row('r', of, tuple(...row))
  writer.commit()
  const progress = { done: false, rows: rows.length, totalRows: null, state: '' }
  return writer.take({ lane: `load:${of.name}`, progress })
}

/** The text of the key's newest row. */
export async function newestText(log: SourceLog, key: string): Promise<string | null | undefined> {
  const change = await log.newest!(ITEMS, tuple(key).bytes)
  return change?.text(1)
}
