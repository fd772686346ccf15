import { sleep } from '../../runtime/abort.ts'
import type { Chunk, LoadProgress, LoadRequest, Table } from '../../runtime/contract.ts'
import { TailraceError } from '../../runtime/errors.ts'
import { requireMergeKey } from '../common/merge-key.ts'
import type { Captured } from './capture.ts'
import { attributesOf, filesOf, stateOf, type TableRows } from './catalog-rows.ts'
import { ChunkReader } from './chunk-reader.ts'
import type { PostgresConfig } from './config.ts'
import { postgresError } from './connection.ts'
import { LoadLane } from './load-lane.ts'
import { formatLoadState, type LoadState, parseLoadState } from './load-state.ts'
import { isMarkedStale } from './stale.ts'
import type { Walk } from './walk.ts'
import { chooseWalk } from './walk-choice.ts'

export interface BesideContext {
  readonly config: PostgresConfig
  readonly sourceName: string
  /** As it was last seen. */
  readonly captured: Captured
  /** Asks the catalog: the table as it is now. */
  readonly recapture: () => Promise<Captured>
  /** Whether the log knows this version. */
  readonly isLogged: (table: Table) => boolean
  /** Every table version so far: what batches of this source may name. Takes up what is announced. */
  readonly registry: Map<number, Table>
}

/** Chunks in a row that did not count because the table was written anew under them. */
const MOST_DISCARDED = 5
const PAUSE_MS = 200

/**
 * Reads a table beside the stream, chunk after chunk, each under a fence of its own (R4.1). Rows that a chunk brings are
 * to be merged once the stream has passed the fence. Throws LOAD_KEYLESS, LOAD_KEYS_MASKED, LOAD_INTERRUPTED (retry) if
 * the table does not stand still, SOURCE_STANDBY, VALUE_TOO_LARGE.
 */
export async function* loadBeside(
  request: LoadRequest,
  context: BesideContext,
  signal: AbortSignal,
): AsyncGenerator<Chunk> {
  requireMergeKey(context.captured.table)
  const ending = new AbortController()
  try {
    const name = `tailrace ${context.sourceName} load`
    const reader = await ChunkReader.open(context.config, name, AbortSignal.any([signal, ending.signal]))
    yield* new Load(request, context, reader, signal).chunks()
  } catch (error) {
    signal.throwIfAborted()
    throw postgresError(error, context.config)
  } finally {
    ending.abort()
  }
}

/** The table as the chunks at hand take it to be. */
interface Shape {
  readonly captured: Captured
  readonly rows: TableRows
  readonly walk: Walk
  readonly lane: LoadLane
}

class Load {
  readonly #request: LoadRequest
  readonly #context: BesideContext
  readonly #reader: ChunkReader
  readonly #signal: AbortSignal
  #rows: number

  constructor(request: LoadRequest, context: BesideContext, reader: ChunkReader, signal: AbortSignal) {
    this.#request = request
    this.#context = context
    this.#reader = reader
    this.#signal = signal
    this.#rows = request.resume?.rows ?? 0
  }

  async *chunks(): AsyncGenerator<Chunk> {
    const { captured } = this.#context
    const resumed = parseLoadState(this.#request.resume?.state ?? '')
    let shape = await this.#shape(captured, await this.#reader.state(captured.oid), resumed)
    let discarded = 0
    for (;;) {
      const taken = await this.#reader.read(shape.walk, shape.lane, shape.captured.table.key)
      const rows = await this.#reader.state(shape.captured.oid)
      if (taken === undefined || stateOf(rows) !== stateOf(shape.rows)) {
        if (++discarded > MOST_DISCARDED) throw unsteady(shape.captured.table)
        await sleep(PAUSE_MS, this.#signal)
        shape = await this.#after(shape, rows)
        continue
      }
      discarded = 0
      const { walk, lane, captured } = shape
      const bounds = walk.bounds()
      walk.keep()
      this.#rows += lane.units.rows
      const progress = this.#progress(shape, walk.query() === undefined)
      yield { table: captured.table, fence: taken.fence, rows: lane.units.take(progress), progress, ...bounds }
      if (progress.done) return
    }
  }

  async #shape(captured: Captured, rows: TableRows, resumed: LoadState | undefined): Promise<Shape> {
    const attributes = attributesOf(rows)
    if (captured.attributes !== attributes) captured = await this.#context.recapture()
    const counts =
      resumed?.attributes === attributes && this.#request.scope.kind === 'all' && this.#isCurrent(resumed, captured)
    if (!counts) this.#rows = 0
    const choice = await chooseWalk(
      this.#reader.client,
      this.#request.scope,
      captured,
      rows,
      counts ? resumed : undefined,
    )
    const { registry, isLogged } = this.#context
    const lane = new LoadLane({
      captured,
      registry,
      columns: captured.table.columns.length,
      maxValueBytes: this.#context.config.maxValueBytes,
      ...(choice.wanted === undefined ? {} : { wanted: choice.wanted }),
      onFull: () => undefined,
    })
    if (!isLogged(captured.table)) lane.units.announce()
    return { captured, rows, walk: choice.walk, lane }
  }

  /** Nothing that came since makes its rows others. */
  #isCurrent({ table: read }: LoadState, { table }: Captured): boolean {
    if (read === undefined) return true
    const later = [...this.#context.registry.values(), table].filter(({ name, id }) => name === table.name && id > read)
    return !later.some(isMarkedStale)
  }

  /** What was read since the last chunk does not count; of what counted before, what the files of the leaves allow. */
  async #after({ captured, walk, rows: before }: Shape, rows: TableRows): Promise<Shape> {
    walk.drop()
    const state = { attributes: attributesOf(before), ...walk.done(), table: captured.table.id }
    return await this.#shape(
      captured,
      rows,
      stateOf(before) === stateOf(rows) || state.key === undefined ? state : undefined,
    )
  }

  #progress({ captured, walk, rows }: Shape, done: boolean): LoadProgress {
    const { estimatedRows, scope } = this.#request
    const totalRows = estimatedRows === null ? null : Math.max(estimatedRows, this.#rows)
    const state = {
      attributes: attributesOf(rows),
      ...walk.done(),
      table: captured.table.id,
      // A key is noted no longer than it is needed: its row may have to be forgotten.
      ...(done ? { files: filesOf(rows.leaves), key: undefined } : {}),
    }
    return {
      done,
      rows: this.#rows,
      totalRows: done ? this.#rows : totalRows,
      state: scope.kind === 'all' ? formatLoadState(state) : '',
    }
  }
}

function unsteady(table: Table): TailraceError {
  return new TailraceError('LOAD_INTERRUPTED', 'retry', `${table.name} was rewritten or truncated again and again.`, {
    hint: 'Its load goes on by itself once the table stands still for a moment.',
  })
}
