import { Bell } from '../../runtime/abort.ts'
import type {
  Batch,
  Chunk,
  Fence,
  LoadRequest,
  Position,
  Resume,
  Source,
  SourceHead,
  Table,
  TransactionId,
} from '../../runtime/contract.ts'
import { TailraceError } from '../../runtime/errors.ts'
import { keyTexts } from '../../runtime/record/key.ts'
import { BatchWriter } from '../../runtime/record/writer.ts'
import { type PaperDatabase, type PaperRow, paperSees } from './paper-database.ts'
import { column, table, tuple } from './records.ts'

export const PAPER: Table = table('paper', { columns: [column('id', 'int64'), column('n'), column('big')] })

export interface PaperHooks {
  /** Called before each chunk is read, and when it was read. */
  chunk?: (when: 'before' | 'after') => Promise<void> | void
  /** Called when the log has been asked what it knows of a chunk's keys. */
  looked?: () => Promise<void>
  sees?: (fence: Fence, transaction: TransactionId) => boolean
  /** Rows of a chunk. */
  readonly size?: number
  readonly maxDeletes?: number | string
  /** Transactions before the stream, which only loads bring. */
  readonly base?: number
  /** What the start asks for. */
  readonly loads?: readonly LoadRequest[]
}

/** A source over a database on paper; a position is the number of transactions in its WAL. */
export class PaperSource implements Source {
  readonly database: PaperDatabase
  readonly hooks: PaperHooks
  readonly #written = new Bell()
  #sent = 0
  #resume: Resume | undefined
  #hastened = false

  constructor(database: PaperDatabase, hooks: PaperHooks = {}) {
    this.database = database
    this.hooks = hooks
  }

  get maxDeletes(): number | string {
    return this.hooks.maxDeletes ?? '20%'
  }

  async start(from: Resume | undefined): Promise<readonly LoadRequest[]> {
    this.#resume = from
    this.#sent = Number(from?.stream ?? this.hooks.base ?? 0)
    return this.hooks.loads ?? []
  }

  /** The database has written something. */
  written(): void {
    this.#written.ring()
  }

  async *changes(signal: AbortSignal): AsyncGenerator<Batch> {
    const writer = new BatchWriter([...(this.#resume?.tables ?? [])])
    if (this.#resume?.stream === undefined) yield this.#unit(writer, true)
    for (;;) {
      const wake = this.#written.wait(signal)
      wake.catch(() => {})
      if (this.#sent < this.database.wal.length || this.#hastened) yield this.#unit(writer, false)
      else await wake
    }
  }

  #unit(writer: BatchWriter, isFirst: boolean): Batch {
    this.#hastened = false
    if (!writer.registry.has(PAPER.id)) writer.announce(PAPER)
    for (; !isFirst && this.#sent < this.database.wal.length; this.#sent++) {
      const { id, truncates, changes } = this.database.wal[this.#sent]!
      writer.begin(String(id), String(this.#sent + 1), BigInt(id))
      if (truncates) writer.truncate(PAPER)
      for (const { key, row, sendsBig } of changes) {
        if (row === undefined) writer.delete(PAPER, tuple(key, null, null), false)
        else writer.row('u', PAPER, tuple(key, row.n, sendsBig ? row.big : undefined))
      }
      writer.commit()
    }
    return writer.take({ lane: 'stream', position: String(this.#sent) as Position })
  }

  async *load(request: LoadRequest, signal: AbortSignal): AsyncGenerator<Chunk> {
    const { scope, resume } = request
    const keys = scope.kind === 'keys' ? new Set(scope.keys.map(key => keyTexts(key)[0])) : undefined
    let last = resume?.state ?? ''
    let rows = resume?.rows ?? 0
    for (let done = false; !done; ) {
      await this.hooks.chunk?.('before')
      signal.throwIfAborted()
      const { fence, rows: all } = this.database.snapshot()
      const wanted = [...all]
        .filter(([key]) => key > last && keys?.has(key) !== false)
        .sort(([a], [b]) => (a < b ? -1 : 1))
      const page = wanted.slice(0, this.hooks.size ?? 5)
      done = page.length === wanted.length
      last = page.at(-1)?.[0] ?? last
      rows += page.length
      const progress = { done, rows, totalRows: null, state: last }
      const batch = chunkOf(page, fence, { lane: `load:${PAPER.name}`, progress })
      await this.hooks.chunk?.('after')
      yield { table: PAPER, fence, rows: batch, progress }
    }
  }

  request(name: string, scope: LoadRequest['scope'], sweep: boolean): LoadRequest | undefined {
    if (name !== PAPER.name) return undefined
    return { table: PAPER, scope, restart: false, beside: true, sweep, estimatedRows: null, estimatedBytes: null }
  }

  sees(fence: Fence, transaction: TransactionId): boolean {
    return (this.hooks.sees ?? paperSees)(fence, transaction)
  }

  ack(): void {}

  async head(): Promise<SourceHead> {
    const position = String(this.database.wal.length) as Position
    return { position, lagBytes: null, retained: { bytes: null, limitBytes: null, fullInSeconds: null } }
  }

  hasten(): void {
    this.#hastened = true
    this.written()
  }

  covers(a: Position, b: Position): boolean {
    return Number(a) >= Number(b)
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}

function chunkOf(page: readonly (readonly [string, PaperRow])[], fence: Fence, end: Batch['end'] & {}): Batch {
  const writer = new BatchWriter([PAPER])
  writer.beginLoad(fence.high, 1n)
  for (const [key, { n, big }] of page) writer.row('r', PAPER, tuple(key, n, big))
  writer.commit()
  return writer.take(end)
}

export function loadFailure(code: string, recovery: 'retry' | 'stop' | 'resnapshot'): TailraceError {
  return new TailraceError(code, recovery, 'The load failed, as the test wanted.')
}
