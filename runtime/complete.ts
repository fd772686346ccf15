import { abortable } from './abort.ts'
import { FormerColumns } from './complete/columns.ts'
import { CellRun, type FormerRow, formerChange, formerRow } from './complete/former-row.ts'
import { LookAhead, RowSizes } from './complete/look-ahead.ts'
import { PartWriter } from './complete/part-writer.ts'
import { type Need, planOf, tableOf } from './complete/plan.ts'
import type { Batch, ChangeView, LoggedChange, Source, SourceLog, Table } from './contract.ts'
import { TailraceError } from './errors.ts'
import { collectAfter } from './large-memory.ts'
import { asBuffer } from './record/cells.ts'
import { findParts, newParts } from './record/entry-parts.ts'
import { entries, entryLength, wholeSlice } from './record/slice.ts'

/** A batch that grows beyond this is handed on in parts. */
const PART_BYTES = 4 * 1024 * 1024

/** A batch being written anew. */
interface Work {
  readonly batch: Batch
  readonly bytes: Buffer
  readonly ahead: LookAhead
  readonly out: PartWriter
  /** Where the cells of rewritten rows begin and end in the part at hand, by their place in the batch; undefined: the log has them. */
  readonly rewritten: Map<number, { readonly at: number; readonly end: number } | undefined>
  readonly signal: AbortSignal
  /** Bytes of the largest row that was looked up. */
  largest: number
}

/**
 * Makes rows whole before the log takes them (R2): a cell that the source did not send is taken from the newest state
 * of its key before, in the same unit or in the log. What nobody knows stays absent.
 */
export class Completer {
  readonly #log: SourceLog
  readonly #before: boolean
  readonly #isDoubtful: (newest: LoggedChange) => boolean
  readonly #columns: FormerColumns
  readonly #sizes = new RowSizes()
  readonly #cells = new CellRun()
  readonly #beforeCells = new CellRun()
  /** The unit of the next batch began in an earlier one. */
  #inUnit = false

  /** `isDoubtful`: the log's newest row of a key may be out of date, and nothing is taken from it. */
  constructor(
    log: SourceLog,
    source: Pick<Source, 'formerColumns' | 'before'>,
    isDoubtful: (newest: LoggedChange) => boolean = () => false,
  ) {
    this.#log = log
    this.#isDoubtful = isDoubtful
    this.#before = source.before === 'always'
    this.#columns = new FormerColumns(source.formerColumns?.bind(source))
  }

  /**
   * Must be asked for every batch, in order. Undefined: the batch is to be appended as it is. Else what is to be
   * appended in its place, each before the next is asked for. Throws ROW_INCOMPLETE where the log cannot be asked and
   * leaving cells out would lose them.
   */
  parts(batch: Batch, signal: AbortSignal): AsyncIterable<Batch> | undefined {
    const within = this.#inUnit ? 'appended' : 'durable'
    this.#inUnit = batch.end === undefined
    if (batch.incomplete === 0 && !(this.#before && batch.count > 0)) return undefined
    if (this.#log.newest !== undefined) return this.#complete(batch, within, signal)
    for (const change of batch)
      if (!change.complete && change.moved !== undefined) throw incompleteMove(change.table.name)
    return undefined
  }

  async *#complete(batch: Batch, within: 'durable' | 'appended', signal: AbortSignal): AsyncGenerator<Batch> {
    const needs = planOf(batch, this.#before)
    const ahead = new LookAhead((...asked) => this.#log.newest!(...asked), needs, this.#sizes, within)
    const bytes = asBuffer(batch.bytes)
    const out = new PartWriter(batch.registry)
    const work: Work = { batch, bytes, ahead, out, rewritten: new Map(), signal, largest: 0 }
    let next = 0
    for (const { at, end } of entries(wholeSlice(bytes, 0, 0n))) {
      if (out.size >= PART_BYTES && at !== batch.endAt) {
        yield out.take(undefined)
        // What stood there is the log's now.
        for (const place of work.rewritten.keys()) work.rewritten.set(place, undefined)
      }
      const need = needs[next]
      if (need?.at !== at) out.copy(bytes, at, end)
      else await this.#rewrite(work, need, next++)
    }
    yield out.take(batch.end)
    collectAfter(work.largest)
  }

  async #rewrite(work: Work, need: Need, place: number): Promise<void> {
    const { bytes, out, rewritten } = work
    const { at, end, table, wantsCells, wantsBefore } = need
    const former = await this.#former(work, need, place)
    if (former === undefined) {
      out.copy(bytes, at, end)
      return
    }
    work.largest = Math.max(work.largest, former.bytes.length)
    const map = this.#columns.of(table, former.table)
    if (wantsCells) this.#cells.fill(table, rowAt(bytes, at, end, table), former, map)
    if (wantsBefore) this.#beforeCells.take(table, former, map)
    const cells = wantsCells ? this.#cells : undefined
    const before = wantsBefore ? this.#beforeCells : undefined
    const span = out.rewrite(bytes, at, end, table, cells, before)
    if (wantsCells) rewritten.set(at, span)
  }

  async #former(work: Work, { former, table, key }: Need, place: number): Promise<FormerRow | undefined> {
    const { batch, bytes, ahead, out, rewritten, signal } = work
    if (former === 'none') return undefined
    if (former === 'log') {
      const newest = await abortable(ahead.take(place), signal)
      return newest === undefined || this.#isDoubtful(newest) ? undefined : rowOf(newest)
    }
    if (!rewritten.has(former))
      return rowAt(bytes, former, former + entryLength(bytes, former, bytes.length), tableOf(batch, former))
    const span = rewritten.get(former)
    if (span !== undefined) return formerRow(tableOf(batch, former), out.bytes, span.at, span.end)
    return rowOf(await abortable(this.#log.newest!(table, key, 'appended'), signal))
  }
}

function rowOf(change: ChangeView | undefined): FormerRow | undefined {
  return change === undefined ? undefined : formerChange(change)
}

/** The row of the entry from `at` to `end`. */
function rowAt(bytes: Buffer, at: number, end: number, table: Table): FormerRow {
  const parts = newParts()
  findParts(bytes, at, end, parts)
  return formerRow(table, bytes, parts.cellsAt, end)
}

function incompleteMove(table: string): TailraceError {
  return new TailraceError(
    'ROW_INCOMPLETE',
    'stop',
    `The key of a row of ${table} changed, the source did not send all of its values, and this log cannot look them up.`,
    {
      hint: 'Use the embedded log, or make the source send whole rows (PostgreSQL: REPLICA IDENTITY FULL; MySQL: binlog_row_image = FULL).',
    },
  )
}
