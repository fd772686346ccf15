import { sleep } from '../../runtime/abort.ts'
import type { Chunk, LoadProgress, LoadRequest, Table } from '../../runtime/contract.ts'
import { TailraceError } from '../../runtime/errors.ts'
import { CHUNK_BYTES } from '../common/load-writer.ts'
import { requireMergeKey } from '../common/merge-key.ts'
import { nameOf } from '../common/selection.ts'
import type { Captured } from './catalog.ts'
import { ChunkReader } from './chunk-reader.ts'
import type { MysqlConfig } from './config.ts'
import { isMarkedStale } from './definition.ts'
import { LoadLane } from './load-lane.ts'
import { formatLoadState, parseLoadState } from './load-state.ts'
import type { ServerFacts } from './server-facts.ts'
import type { Charsets } from './values/charsets.ts'
import { chooseWalk, type Walk } from './walk.ts'

export interface BesideContext {
  readonly config: MysqlConfig
  readonly sourceName: string
  readonly facts: ServerFacts
  readonly charsets: Charsets
  /** As it was last seen. */
  readonly captured: Captured
  /** Asks the catalog: the table as it is now. */
  readonly recapture: () => Promise<Captured>
  /** Asks the catalog whether the table still has these columns and this key. */
  readonly isCurrent: (captured: Captured) => Promise<boolean>
  /** Whether the log knows this version. */
  readonly isLogged: (table: Table) => boolean
  /** Every table version so far: what batches of this source may name. Takes up what is announced. */
  readonly registry: Map<number, Table>
}

/** Chunks in a row that did not count because the table was altered under them. */
const MOST_DISCARDED = 5
const PAUSE_MS = 200

/**
 * Reads a table beside the stream, chunk after chunk, each under a fence of its own (R4.8). Rows that a chunk brings are
 * to be merged once the stream has passed the fence. Throws LOAD_KEYLESS, LOAD_KEYS_MASKED, LOAD_INTERRUPTED (retry) if
 * the table does not stand still, VALUE_TOO_LARGE.
 */
export async function* loadBeside(
  request: LoadRequest,
  context: BesideContext,
  signal: AbortSignal,
): AsyncGenerator<Chunk> {
  requireMergeKey(context.captured.table)
  const ending = new AbortController()
  try {
    const life = AbortSignal.any([signal, ending.signal])
    const reader = await ChunkReader.open(context.config, `tailrace ${context.sourceName} load`, context.facts, life)
    yield* chunks(request, context, reader, signal)
  } finally {
    ending.abort()
  }
}

/** The table as the chunks at hand take it to be. */
interface Shape {
  readonly captured: Captured
  readonly walk: Walk
  readonly lane: LoadLane
}

async function* chunks(
  request: LoadRequest,
  context: BesideContext,
  reader: ChunkReader,
  signal: AbortSignal,
): AsyncGenerator<Chunk> {
  let shape = shapeOf(request, context, context.captured, request.resume)
  let rows = request.resume?.rows ?? 0
  let discarded = 0
  for (;;) {
    const { captured, walk, lane } = shape
    const taken = await reader.read(walk, lane, captured, CHUNK_BYTES)
    // A column that was added does not disturb the read, which lacks it.
    if (taken === undefined || !(await context.isCurrent(captured))) {
      if (++discarded > MOST_DISCARDED) throw unsteady(captured.table)
      await sleep(PAUSE_MS, signal)
      walk.drop()
      const state = stateOf(shape, request)
      shape = shapeOf(request, context, await context.recapture(), { done: false, rows, totalRows: null, state })
      continue
    }
    discarded = 0
    walk.keep()
    rows += lane.units.rows
    const done = walk.query(1) === undefined
    const totalRows = request.estimatedRows === null ? null : Math.max(request.estimatedRows, rows)
    const progress = { done, rows, totalRows: done ? rows : totalRows, state: stateOf(shape, request) }
    yield { table: captured.table, fence: taken.fence, rows: lane.units.take(progress), progress }
    if (done) return
  }
}

function shapeOf(
  { scope }: LoadRequest,
  { registry, isLogged, config, charsets }: BesideContext,
  captured: Captured,
  resume: LoadProgress | undefined,
): Shape {
  const state = scope.kind === 'all' ? parseLoadState(resume?.state ?? '') : undefined
  const later = [...registry.values(), captured.table].filter(
    ({ name, id }) => name === captured.table.name && id > (state?.table ?? 0),
  )
  // What was read before a change without events does not count.
  const left = state === undefined || later.some(isMarkedStale) ? undefined : state.left
  const { walk, wanted } = chooseWalk(captured, scope, left)
  const lane = new LoadLane({
    captured,
    charsets,
    registry,
    maxValueBytes: config.maxValueBytes,
    ...(wanted === undefined ? {} : { wanted }),
  })
  if (!isLogged(captured.table)) lane.units.announce([captured.table])
  return { captured, walk, lane }
}

function stateOf({ captured, walk }: Shape, { scope }: LoadRequest): string {
  const left = walk.left()
  return scope.kind === 'all' && left !== undefined ? formatLoadState({ table: captured.table.id, left }) : ''
}

function unsteady(table: Table): TailraceError {
  return new TailraceError('LOAD_INTERRUPTED', 'retry', `${nameOf(table)} was altered again and again.`, {
    hint: 'Its load goes on by itself once the table stands still for a moment.',
  })
}
