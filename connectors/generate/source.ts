import { setImmediate } from 'node:timers/promises'
import { sleep } from '../../runtime/abort.ts'
import type {
  Batch,
  Chunk,
  Fence,
  LoadProgress,
  LoadRequest,
  Position,
  Resume,
  Source,
  SourceContext,
  SourceHead,
  SourceIdentity,
  Table,
  TransactionId,
  UnitEnd,
} from '../../runtime/contract.ts'
import { TailraceError } from '../../runtime/errors.ts'
import { BatchWriter } from '../../runtime/record/writer.ts'
import { CommitClock } from './clock.ts'
import type { GenerateConfig } from './config.ts'
import { loadChunks } from './load.ts'
import { RowEncoder } from './rows.ts'
import { firstRows, liveRows } from './state.ts'
import { generatedTables } from './tables.ts'
import { type Step, Workload } from './workload.ts'

const LONGEST_WAIT = 2 ** 31 - 1

/** A position is the number of the last transaction, in decimal; 0 is where the first load was read. */
function position(transaction: number): Position {
  return String(transaction) as Position
}

export class GenerateSource implements Source {
  readonly #config: GenerateConfig
  readonly #workload: Workload
  readonly #encoder: RowEncoder
  readonly #tables: readonly Table[]
  readonly #identity: SourceIdentity
  readonly #step: Step = { kind: 'c', table: 0, id: 0, newId: 0, truncate: false }
  readonly #loaded = new Map<string, LoadProgress>()
  #announced: ReadonlySet<number> = new Set()
  #clock: CommitClock
  /** Nothing of the stream is in the log yet: loads read what was there before the first transaction. */
  #isFirst = true
  /** The last transaction handed out. */
  #sent = 0

  constructor(config: GenerateConfig, context: SourceContext) {
    this.#config = config
    this.#workload = new Workload(config)
    this.#clock = new CommitClock(config, this.#workload, 0)
    this.#encoder = new RowEncoder(config.seed)
    this.#tables = generatedTables(context.name, config.tables)
    const { seed, tables, rows, keyChanges, truncates } = config
    this.#identity = { workload: [seed, tables, rows, keyChanges, truncates].join(' ') }
  }

  async start(from: Resume | undefined): Promise<readonly LoadRequest[]> {
    if (from !== undefined) this.#checkLineage(from)
    this.#announced = new Set(from?.tables.map(table => table.id))
    this.#isFirst = from?.stream === undefined
    this.#sent = Number(from?.stream ?? 0)
    this.#clock = new CommitClock(this.#config, this.#workload, this.#sent)
    for (const [table, progress] of from?.loads ?? []) this.#loaded.set(table, progress)
    if (!this.#isFirst) return []
    const due = this.#tables.filter(table => this.#loaded.get(table.name)?.done !== true)
    return due.map(table => ({ ...this.#request(table, { kind: 'all' }), beside: false }))
  }

  request(name: string, scope: LoadRequest['scope'], sweep: boolean): LoadRequest | undefined {
    const table = this.#tables.find(known => known.name === name)
    return table === undefined ? undefined : { ...this.#request(table, scope), sweep }
  }

  #request(table: Table, scope: LoadRequest['scope']): LoadRequest {
    const { rows } = this.#config
    return { table, scope, restart: false, beside: true, estimatedRows: rows, estimatedBytes: rows * 275 }
  }

  #checkLineage(from: Resume): void {
    const known = from.identity.workload
    if (known !== undefined && known !== this.#identity.workload)
      throw new TailraceError('SOURCE_REPLACED', 'stop', 'The log holds the data of another generated workload.', {
        hint: 'Set seed, tables, rows, keyChanges and truncates back, or begin with a new log.',
      })
    if (Number(from.stream ?? 0) > this.#workload.last)
      throw new TailraceError('SOURCE_BEHIND', 'stop', 'The log is further than the workload goes.', {
        hint: 'Raise `changes` again, or begin with a new log.',
      })
  }

  async *changes(signal: AbortSignal): AsyncGenerator<Batch> {
    const writer = new BatchWriter(this.#tables)
    if (this.#isFirst) yield writer.take({ ...this.#end(), identity: this.#identity })
    this.#isFirst = false
    for (;;) {
      await this.#committed(signal)
      const newest = this.#clock.newest()
      while (this.#sent < newest && writer.size < this.#config.batchBytes) {
        const transaction = this.#sent + 1
        writer.begin(String(transaction), position(transaction), this.#clock.commitTime(transaction))
        yield* this.#fill(writer, transaction)
        writer.commit()
        this.#sent = transaction
      }
      yield writer.take(this.#end())
    }
  }

  /** Writes the changes of a transaction; hands over whenever the batch is full. */
  *#fill(writer: BatchWriter, transaction: number): Generator<Batch> {
    const step = this.#step
    const end = this.#workload.start(transaction + 1)
    for (let change = this.#workload.start(transaction); change < end; change++) {
      if (writer.size >= this.#config.batchBytes) yield writer.hasWhole ? writer.take(this.#end()) : writer.takePart()
      this.#workload.describe(change, end, step)
      const table = this.#tables[step.table]!
      if (step.truncate) writer.truncate(table)
      if (step.kind === 'c' || step.kind === 'u') writer.row(step.kind, table, this.#encoder.row(step.id, change))
      else if (step.kind === 'd') writer.delete(table, this.#encoder.key(step.id), false)
      else this.#move(writer, table, step, ++change)
    }
  }

  #move(writer: BatchWriter, table: Table, step: Step, change: number): void {
    const oldKey = this.#encoder.keyBytes(step.id)
    writer.delete(table, this.#encoder.key(step.id), false, this.#encoder.keyBytes(step.newId))
    writer.row('u', table, this.#encoder.row(step.newId, change), undefined, oldKey)
  }

  #end(): UnitEnd & { readonly lane: 'stream' } {
    return { lane: 'stream', position: position(this.#sent) }
  }

  /** Resolves when there is a transaction to hand out. Gives the event loop a turn in any case. */
  async #committed(signal: AbortSignal): Promise<void> {
    await setImmediate()
    signal.throwIfAborted()
    while (this.#sent >= this.#clock.newest()) {
      const isLast = this.#sent >= this.#workload.last
      await sleep(isLast ? LONGEST_WAIT : Math.min(LONGEST_WAIT, Math.ceil(this.#clock.until(this.#sent + 1))), signal)
    }
  }

  async *load(request: LoadRequest, signal: AbortSignal): AsyncGenerator<Chunk> {
    const { table } = request
    const known = request.resume ?? this.#loaded.get(table.name)
    const at = this.#isFirst && !request.beside ? 0 : this.#newest()
    yield* loadChunks(
      {
        request,
        live: at === 0 ? firstRows(this.#config) : liveRows(this.#config, at)[table.id - 1]!,
        fence: { data: position(at), high: position(at) },
        after: known?.done === false ? known : undefined,
        announce: !this.#announced.has(table.id),
        tables: this.#tables,
        identity: this.#identity,
        chunkBytes: this.#config.batchBytes,
        encoder: new RowEncoder(this.#config.seed),
      },
      signal,
    )
    this.#announced = new Set([...this.#announced, table.id])
    this.#loaded.delete(table.name)
  }

  #newest(): number {
    const newest = this.#clock.newest()
    return newest === Number.POSITIVE_INFINITY ? this.#sent : newest
  }

  sees(fence: Fence, transaction: TransactionId): boolean {
    return Number(transaction) <= Number(fence.data)
  }

  ack(): void {}

  async head(): Promise<SourceHead> {
    return {
      position: position(this.#newest()),
      lagBytes: null,
      retained: { bytes: null, limitBytes: null, fullInSeconds: null },
    }
  }

  /** What is committed is on its way already. */
  hasten(): void {}

  covers(a: Position, b: Position): boolean {
    return Number(a) >= Number(b)
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}
