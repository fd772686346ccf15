/** A source and a sink that a comparison works with, as a test moves them. */
import type {
  Chunk,
  Fence,
  KeyState,
  LoadRequest,
  Position,
  RowStates,
  Sink,
  SinkRow,
  Source,
  SourceLog,
  Table,
  TransactionId,
} from '../../runtime/contract.ts'
import { keyFromTexts, keyTexts } from '../../runtime/record/key.ts'
import { BatchWriter } from '../../runtime/record/writer.ts'
import type { Subject } from '../../runtime/verify/subject.ts'
import type { Difference, Unsettled, VerifyEvents } from '../../runtime/verify-report.ts'
import { column, table, tuple } from './records.ts'

export type Cells = readonly (string | null)[]

interface Written {
  readonly version: bigint
  readonly transaction: TransactionId | undefined
}

export const ITEMS = table('items', {
  columns: [column('id', 'int64'), column('name'), column('price', 'decimal')],
})

/** Transactions are numbered from 1; a fence sees those up to its own number. */
export class TwoSides implements Subject {
  readonly table: Table
  readonly sourceRows = new Map<string, Cells>()
  readonly sinkRows = new Map<string, SinkRow>()
  /** The newest change of each key in the log. */
  readonly logged = new Map<string, Written>()
  truncated: Written | undefined
  keepsDeleted = false
  /** Called before the source reads its rows; `keys`: only those. */
  onLoad: (keys: readonly string[] | undefined) => void = () => {}
  /** Called between two chunks of a walk. */
  onChunk: () => void = () => {}
  /** Called before the sink is asked for these. */
  onGet: (keys: readonly string[]) => void = () => {}
  onRepair: (keys: readonly string[]) => void = keys => this.resend(keys)
  /** Rows of a chunk. */
  chunkRows = 3
  transaction = 0
  /** What a fence that is taken now does not see although it has ended: such a commit hangs. */
  readonly hanging = new Set<string>()
  /** Keys of each look, in order. */
  readonly looks: (readonly string[])[] = []
  readonly repaired: string[] = []
  #version = 0n

  constructor(of: Table = ITEMS) {
    this.table = of
  }

  known(of: Table): Table {
    return of
  }

  /** A transaction at the source, in the log at once. */
  commit(id: string, cells: Cells | undefined): TransactionId {
    const transaction = String(++this.transaction) as TransactionId
    if (cells === undefined) this.sourceRows.delete(id)
    else this.sourceRows.set(id, [id, ...cells])
    this.logged.set(id, { version: ++this.#version, transaction })
    return transaction
  }

  /** The sink has the key as the source has it now. */
  deliver(id: string): void {
    const cells = this.sourceRows.get(id)
    if (cells === undefined) this.sinkRows.delete(id)
    else this.hold(id, Object.fromEntries(this.table.columns.map(({ name }, i) => [name, cells[i]!])))
  }

  /** Committed and delivered. */
  write(id: string, ...cells: Cells): void {
    this.commit(id, cells)
    this.deliver(id)
  }

  /** What the sink holds under the key, whatever the source has. */
  hold(id: string, cells: Readonly<Record<string, string | null>>): void {
    this.sinkRows.set(id, { key: keyFromTexts([id]), cells: new Map(Object.entries(cells)) })
  }

  /** The log has it from a load. */
  loaded(id: string): void {
    this.logged.set(id, { version: ++this.#version, transaction: undefined })
  }

  /** As a repair does: into the log once more, and to the sink. */
  resend(keys: readonly string[]): void {
    for (const id of keys) {
      this.repaired.push(id)
      this.loaded(id)
      this.deliver(id)
    }
  }

  get request(): LoadRequest {
    return {
      table: this.table,
      scope: { kind: 'all' },
      restart: false,
      beside: true,
      estimatedRows: this.sourceRows.size,
      estimatedBytes: null,
    }
  }

  readonly source = {
    request: (name: string) => (name === this.table.name ? this.request : undefined),
    load: (request: LoadRequest) => this.#load(request),
    sees: (fence: Fence, transaction: TransactionId) => {
      const [number, ...hanging] = fence.data.split(' ')
      return Number(transaction) <= Number(number) && !hanging.includes(transaction)
    },
  } as unknown as Source

  readonly log = {
    tables: () => new Map([[this.table.id, this.table]]),
    states: async (rows: Iterable<{ key: Uint8Array }>): Promise<RowStates> => {
      const known = Array.from(rows, ({ key }) => this.logged.get(keyTexts(key)[0]!))
      return {
        count: known.length,
        state: (row): KeyState => (known[row] === undefined ? 'none' : 'different'),
        version: row => known[row]?.version ?? 0n,
        transaction: row => known[row]?.transaction,
        truncated: this.truncated,
      }
    },
  } as unknown as SourceLog

  readonly sink = {
    get: async (_: Table, keys: readonly Uint8Array[]) => {
      const ids = keys.map(key => keyTexts(key)[0]!)
      this.onGet(ids)
      return ids.map(id => this.sinkRows.get(id))
    },
    rows: (_: Table) => this.#rows(),
  } as unknown as Sink

  lineageFrom(): bigint {
    return 0n
  }

  isLoading = (): boolean => false

  shown(): undefined {}

  async reached(): Promise<void> {}

  async repair(_: Table, keys: readonly Uint8Array[]): Promise<void> {
    this.onRepair(keys.map(key => keyTexts(key)[0]!))
  }

  async *#load({ scope, readOnly }: LoadRequest): AsyncGenerator<Chunk> {
    if (readOnly !== true) throw new Error('verify must not append')
    const wanted = scope.kind === 'keys' ? scope.keys.map(key => keyTexts(key)[0]!) : undefined
    if (wanted !== undefined) this.looks.push(wanted)
    this.onLoad(wanted)
    const ids = wanted ?? this.sourceRows.keys()
    const rows = Array.from(ids, id => this.sourceRows.get(id)).filter(cells => cells !== undefined)
    for (let at = 0; ; at += this.chunkRows) {
      yield this.#chunk(rows.slice(at, at + this.chunkRows))
      if (at + this.chunkRows >= rows.length) return
      this.onChunk()
    }
  }

  #chunk(rows: readonly Cells[]): Chunk {
    const progress = { done: false, rows: rows.length, totalRows: null, state: '' }
    const fence = { data: [this.transaction, ...this.hanging].join(' '), high: String(this.transaction) as Position }
    const writer = new BatchWriter([this.table])
    writer.beginLoad(fence.high, 0n)
    for (const cells of rows) writer.row('r', this.table, tuple(...cells))
    writer.commit()
    return { table: this.table, fence, rows: writer.take({ lane: `load:${this.table.name}`, progress }), progress }
  }

  async *#rows(): AsyncGenerator<readonly SinkRow[]> {
    const rows = [...this.sinkRows.values()]
    for (let at = 0; at < rows.length; at += this.chunkRows) yield rows.slice(at, at + this.chunkRows)
  }
}

/** What a comparison told. */
export class Told implements VerifyEvents {
  readonly differences: Difference[] = []
  readonly keys: Unsettled[] = []

  async difference(difference: Difference): Promise<void> {
    this.differences.push(difference)
  }

  async unsettled(key: Unsettled): Promise<void> {
    this.keys.push(key)
  }

  async progress(): Promise<void> {}

  /** `kind key columns` of each difference, sorted. */
  get lines(): string[] {
    return this.differences.map(({ kind, key, columns }) => [kind, key, ...columns].join(' ')).toSorted()
  }
}
