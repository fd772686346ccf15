import { FormerColumns } from '../complete/columns.ts'
import { CellRun, formerChange, formerRow } from '../complete/former-row.ts'
import type { Batch, ChangeView, Chunk, LoadProgress, LoggedChange, Source, SourceLog, UnitEnd } from '../contract.ts'
import { BatchWriter } from '../record/writer.ts'
import { decide, isSeen } from './decide.ts'

/** Merges chunks that were read beside the stream into what the log holds (R4.4). */
export class Merger {
  readonly #log: Required<Pick<SourceLog, 'states' | 'newest'>>
  readonly #sees: Source['sees']
  readonly #columns: FormerColumns
  readonly #own = new CellRun()
  readonly #whole = new CellRun()

  constructor(log: Required<Pick<SourceLog, 'states' | 'newest'>>, source: Pick<Source, 'sees' | 'formerColumns'>) {
    this.#log = log
    this.#sees = source.sees.bind(source)
    this.#columns = new FormerColumns(source.formerColumns?.bind(source))
  }

  /**
   * The unit that the log gets in the chunk's place, ended with `progress`. From the call to its append nothing else may
   * be appended. `pass`: takes the keys as evidence; `lineageFrom` as in Resume; `isRepair`: what the log has the same is
   * appended too.
   */
  async unit(
    chunk: Chunk,
    progress: LoadProgress,
    pass: string | undefined,
    lineageFrom: bigint,
    isRepair = false,
  ): Promise<Batch> {
    const { fence, rows } = chunk
    const states = await this.#log.states(rows, pass)
    const sees = (written: Parameters<typeof isSeen>[0]): boolean => isSeen(written, fence, lineageFrom, this.#sees)
    let isTruncateSeen = states.truncated === undefined || sees(states.truncated)
    /** Of the chunk itself: what the log knew before it counts no more. */
    let isTruncated = false
    const writer = new BatchWriter([...rows.registry.values()])
    let place = 0
    for (const change of rows) {
      const row = place++
      if (change.kind === 's') {
        endTransaction(writer)
        writer.announce(change.table)
      } else if (change.kind === 't') {
        beginLoad(writer, change)
        writer.truncate(change.table)
        isTruncated = true
        isTruncateSeen = true
      } else {
        const known = isTruncated ? 'none' : states.state(row)
        const state = isRepair && known === 'same' ? 'different' : known
        const isNewestSeen =
          state === 'none' || sees({ version: states.version(row), transaction: states.transaction(row) })
        const decision = decide(state, isNewestSeen, isTruncateSeen)
        if (decision === 'append') {
          beginLoad(writer, change)
          const { cells } = change
          writer.row('r', change.table, { bytes: cells, at: 0, end: cells.length })
        } else if (decision === 'complete') await this.#complete(writer, change)
      }
    }
    endTransaction(writer)
    return writer.take(unitEnd(chunk, progress))
  }

  /** The newest row of the key once more, as its own transaction left it, with what it lacks from the chunk's row. */
  async #complete(writer: BatchWriter, read: ChangeView): Promise<void> {
    const newest = await this.#log.newest(read.table, read.key)
    const own = newest === undefined ? undefined : formerChange(newest)
    if (newest === undefined || own === undefined) return
    const chunkRow = formerRow(read.table, read.cells, 0, read.cells.length)
    const table = read.table.id > own.table.id ? read.table : own.table
    if (table === own.table) this.#whole.fill(table, own, chunkRow, this.#columns.of(table, read.table))
    else {
      this.#own.take(table, own, this.#columns.of(table, own.table))
      const bytes = written(this.#own)
      this.#whole.fill(table, formerRow(table, bytes, 0, bytes.length), chunkRow, undefined)
    }
    if (!this.#whole.isComplete) return
    beginAs(writer, newest)
    writer.registry.set(table.id, table)
    const bytes = written(this.#whole)
    writer.row('u', table, { bytes, at: 0, end: bytes.length })
    writer.commit()
  }
}

function written(cells: CellRun): Buffer {
  const bytes = Buffer.allocUnsafe(cells.end)
  cells.writeTo(bytes, 0)
  return bytes
}

/** Rows between two others stay one transaction of the load. */
function beginLoad(writer: BatchWriter, { position, commitTime }: ChangeView): void {
  if (!writer.inTransaction) writer.beginLoad(position, commitTime)
}

function beginAs(writer: BatchWriter, { transaction, position, commitTime, index }: LoggedChange): void {
  endTransaction(writer)
  if (transaction === undefined) writer.beginLoad(position, commitTime)
  else writer.begin(transaction, position, commitTime, index)
}

function endTransaction(writer: BatchWriter): void {
  if (writer.inTransaction) writer.commit()
}

function unitEnd({ table, rows }: Chunk, progress: LoadProgress): UnitEnd {
  const lane = `load:${table.name}` as const
  const identity = rows.end?.identity
  return identity === undefined ? { lane, progress } : { lane, progress, identity }
}
