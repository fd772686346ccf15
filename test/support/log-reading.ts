import type { Cursor, LogBatch, LoggedChange, ReadOptions, SourceLog, TableFilter } from '../../runtime/contract.ts'

/** A change as text: `c orders 1 one`. */
function line(change: LoggedChange): string {
  const { kind, table } = change
  if (kind === 's' || kind === 't') return `${kind} ${table.table}`
  return kind === 'd'
    ? `d ${table.table} ${change.before(0)}`
    : `${kind} ${table.table} ${change.text(0)} ${change.text(1)}`
}

export function linesOf(batch: LogBatch): string[] {
  const lines: string[] = []
  for (const change of batch) lines.push(line(change))
  return lines
}

/** The same without announcements of tables. */
export function rows(lines: readonly string[]): string[] {
  return lines.filter(text => !text.startsWith('s '))
}

/** A change that may be kept: the views of a batch may not. */
export interface Seen {
  readonly version: bigint
  /** Transaction, commit time and index. */
  readonly transaction: string
  readonly appendTime: bigint
  readonly moved: string | undefined
}

export interface Got {
  readonly lines: string[]
  readonly cursors: Cursor[]
  readonly seen: Seen[]
  readonly batches: LogBatch[]
}

const everything: TableFilter = () => true

/** Reads from `after` to where the log ends now. */
export async function readToEnd(
  log: SourceLog,
  after: Cursor | 'start' = 'start',
  filter = everything,
  options: ReadOptions = {},
): Promise<Got> {
  const got: Got = { lines: [], cursors: [], seen: [], batches: [] }
  const end = log.end()
  if (end === undefined || after === end) return got
  for await (const batch of log.read(after, filter, AbortSignal.timeout(20_000), options)) {
    got.batches.push(batch)
    for (const change of batch) {
      got.lines.push(line(change))
      got.cursors.push(change.cursor)
      const { version, transaction, commitTime, index, appendTime, moved } = change
      got.seen.push({
        version,
        transaction: `${transaction} ${commitTime} ${index}`,
        appendTime,
        moved: moved === undefined ? undefined : Buffer.from(moved).toString('hex'),
      })
    }
    const order = log.compare(batch.cursor, end)
    if (order === 'equal' || order === 'after') break
  }
  return got
}

/** A reader that a test steps through by hand. */
export class Hand implements AsyncDisposable {
  readonly #stop = new AbortController()
  readonly #batches: AsyncIterator<LogBatch>

  constructor(log: SourceLog, after: Cursor | 'start' = 'start', filter = everything, options: ReadOptions = {}) {
    this.#batches = log.read(after, filter, this.#stop.signal, options)[Symbol.asyncIterator]()
  }

  /** The next batch; it may be empty. */
  async next(): Promise<LogBatch> {
    const { value, done } = await this.#batches.next()
    if (done) throw new Error('the reading ended')
    return value
  }

  /** The rows of the next batch that has any. */
  async rows(): Promise<string[]> {
    for (;;) {
      const lines = rows(linesOf(await this.next()))
      if (lines.length > 0) return lines
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort()
    await this.#batches.return?.()
  }
}
