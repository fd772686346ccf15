import { FormerColumns } from '../complete/columns.ts'
import { CellRun, formerChange, formerRow } from '../complete/former-row.ts'
import type {
  Batch,
  ChangeView,
  Chunk,
  KeyState,
  LoadProgress,
  LoggedChange,
  RowStates,
  Source,
  SourceLog,
  Table,
  UnitEnd,
} from '../contract.ts'
import { BatchWriter } from '../record/writer.ts'
import { decide, isSeen, type Written } from './decide.ts'
import type { Doubt } from './doubt.ts'
import type { Touched } from './touched.ts'

/** Merges chunks that were read beside the stream into what the log holds (R4.4). */
export class Merger {
  readonly #log: Required<Pick<SourceLog, 'states' | 'newest' | 'tables'>>
  readonly #sees: Source['sees']
  readonly #columns: FormerColumns
  readonly #own = new CellRun()
  readonly #whole = new CellRun()

  constructor(
    log: Required<Pick<SourceLog, 'states' | 'newest' | 'tables'>>,
    source: Pick<Source, 'sees' | 'formerColumns'>,
  ) {
    this.#log = log
    this.#sees = source.sees.bind(source)
    this.#columns = new FormerColumns(source.formerColumns?.bind(source))
  }

  /** What the log knows of the chunk's keys now. `pass` takes them as evidence. */
  look({ rows }: Chunk, pass: string | undefined): Promise<RowStates> {
    return this.#log.states(rows, pass)
  }

  /**
   * The unit that the log gets in the chunk's place, ended with `progress`. `looked`: as of before the keys in `touched`
   * were written. From the call to its append nothing else may be appended. `lineageFrom` as in Resume; `isRepair`: what
   * the log has the same is appended too. Undefined: of rows that are in `doubt` the chunk cannot say what is true; it is
   * to be read again.
   */
  async unit(
    chunk: Chunk,
    progress: LoadProgress,
    looked: RowStates,
    touched: Touched,
    lineageFrom: bigint,
    { isRepair = false, doubt }: { readonly isRepair?: boolean; readonly doubt?: Doubt | undefined } = {},
  ): Promise<Batch | undefined> {
    const { fence, rows } = chunk
    const known = await this.#now(rows, looked, touched)
    const sees = (written: Written): boolean => isSeen(written, fence, lineageFrom, this.#sees)
    const { truncated } = known
    let isTruncateSeen = truncated === undefined || sees(truncated)
    /** Of the chunk itself: what the log knew before it counts no more. */
    let isTruncated = false
    const hadOthers = this.#hadOtherColumns(chunk)
    const writer = new BatchWriter(tablesIn(rows))
    let place = 0
    for (const change of rows) {
      const { state, newest } = known.of(place++)
      if (change.kind === 's') {
        endTransaction(writer)
        writer.announce(change.table)
      } else if (change.kind === 't') {
        beginLoad(writer, change)
        writer.truncate(change.table)
        isTruncated = true
        isTruncateSeen = true
      } else {
        const isOfOthers = hadOthers && state !== 'none' && (await this.#isOfOtherColumns(change))
        const found = state === 'same' && (isRepair || isOfOthers) ? 'different' : state
        const now = isTruncated ? 'none' : found
        const isNewestSeen = now === 'none' || sees(newest)
        if (now !== 'same' && !isNewestSeen && (isOfOthers || doubt?.isUndecided(newest, now === 'incomplete', fence)))
          return undefined
        const decision = decide(now, isNewestSeen, isTruncateSeen)
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

  /** As many columns as now, but not the same ones: a row whose values are the same may be another one then. */
  #hadOtherColumns({ table }: Chunk): boolean {
    // Of all that the log has: versions between those of the loads came by the stream.
    return [...this.#log.tables().values()].some(
      then =>
        then.name === table.name &&
        then.incarnation === table.incarnation &&
        then.columns.length === table.columns.length &&
        !this.#hasSameColumns(table, then),
    )
  }

  #hasSameColumns(now: Table, then: Table): boolean {
    return this.#columns.of(now, then)?.every((column, i) => column === i) ?? true
  }

  async #isOfOtherColumns({ table, key }: ChangeView): Promise<boolean> {
    const newest = await this.#log.newest(table, key)
    return newest !== undefined && newest.kind !== 'd' && !this.#hasSameColumns(table, newest.table)
  }

  /** What was looked up, and of keys that were written since what the log knows now. */
  async #now(rows: Batch, looked: RowStates, touched: Touched): Promise<Known> {
    if (touched.isAll) return known(await this.#log.states(rows), undefined)
    if (touched.isNone) return known(looked, undefined)
    const again = new BatchWriter(tablesIn(rows))
    const places = new Map<number, number>()
    let place = 0
    again.beginLoad('', 0n)
    for (const change of rows) {
      if (change.kind === 'r' && touched.has(change.key)) {
        places.set(place, places.size)
        const { cells } = change
        again.row('r', change.table, { bytes: cells, at: 0, end: cells.length })
      }
      place++
    }
    if (places.size === 0) return known(looked, undefined)
    again.commit()
    return known(looked, { places, states: await this.#log.states(again.takePart()) })
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

function tablesIn({ tables, registry }: Batch): Table[] {
  return [...tables].map(id => registry.get(id)!)
}

interface Known {
  of(place: number): { readonly state: KeyState; readonly newest: Written }
  readonly truncated: Written | undefined
}

/** `newer`: of some of the rows, by their place. */
function known(
  states: RowStates,
  newer: { readonly places: ReadonlyMap<number, number>; readonly states: RowStates } | undefined,
): Known {
  return {
    of(place) {
      const there = newer?.places.get(place)
      const [from, row] = there === undefined ? [states, place] : [newer!.states, there]
      return { state: from.state(row), newest: { version: from.version(row), transaction: from.transaction(row) } }
    },
    truncated: states.truncated,
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
