import type { Chunk, LoadRequest, Position, SourceIdentity, Table } from '../../runtime/contract.ts'
import { TailraceError } from '../../runtime/errors.ts'
import { LaneLoad, type LaneLoadOptions } from '../common/lane-load.ts'
import type { Captured } from './catalog.ts'
import type { MysqlConfig } from './config.ts'
import { ServerError, serverErrno } from './connection-error.ts'
import { FIRST_FENCE } from './fence.ts'
import { LoadLane, selectList } from './load-lane.ts'
import type { Segment } from './load-state.ts'
import { quoteName } from './quote.ts'
import { ReadSegments } from './read-segments.ts'
import { serverTime } from './read-view.ts'
import { dividingColumn, segmentsOf } from './segments.ts'
import type { SharedReaders } from './shared-readers.ts'
import type { Charsets } from './values/charsets.ts'
import { withinSegment } from './walk.ts'

export interface SnapshotContext {
  readonly config: MysqlConfig
  readonly readers: SharedReaders
  readonly captured: Captured
  readonly charsets: Charsets
  /** Where the stream begins. */
  readonly position: Position
  /** Every table version so far: what batches of this source may name. Takes up what is announced. */
  readonly registry: Map<number, Table>
  /** Tables to make known in the first unit beside this one: those that are loaded later. */
  readonly announce: readonly Table[]
  /** Stored with the first unit, so that a load that was interrupted can tell where its stream begins. */
  readonly identity: SourceIdentity | undefined
}

/**
 * Reads a table from the state that all readers share, as units of lane `load:<table>`. The first chunk announces the
 * table and, for a restart, truncates it. Throws LOAD_INTERRUPTED (retry: what counts is kept, the rest is read beside the
 * stream) if the table was altered, VALUE_TOO_LARGE.
 */
export async function* loadShared(
  request: LoadRequest,
  context: SnapshotContext,
  signal: AbortSignal,
): AsyncGenerator<Chunk> {
  try {
    const { captured, readers } = context
    const opened: { time: bigint; segments: readonly Segment[] } = { time: 0n, segments: [] }
    await readers.use(async wire => {
      opened.time = await serverTime(wire)
      opened.segments = await segmentsOf(wire, captured)
    }, signal)
    await using load = new LaneLoad(laneLoad(request, context, opened.time, opened.segments), signal)
    yield* load.chunks()
  } catch (error) {
    signal.throwIfAborted()
    throw loadError(error, context.captured.table)
  }
}

function laneLoad(
  request: LoadRequest,
  { captured, config, readers, position, registry, charsets, announce, identity }: SnapshotContext,
  time: bigint,
  segments: readonly Segment[],
): LaneLoadOptions<LoadLane> {
  const read = new ReadSegments(captured.table.id, segments)
  const column = dividingColumn(captured) ?? ''
  return {
    request,
    table: captured.table,
    fence: { data: FIRST_FENCE, high: position },
    time,
    announce,
    identity,
    isShared: segments.length > 1,
    parts: read,
    lane: onFull => new LoadLane({ captured, charsets, registry, maxValueBytes: config.maxValueBytes, onFull }),
    work: async (lane, signal) =>
      await readers.use(async wire => {
        for (let segment = read.next(); segment !== undefined; segment = read.next()) {
          const conditions = withinSegment(column, segment)
          const where = conditions.length === 0 ? '' : ` WHERE ${conditions.join(' AND ')}`
          const order =
            captured.route === undefined ? '' : ` ORDER BY ${captured.route.order.map(quoteName).join(', ')}`
          await wire.rows(`SELECT ${selectList(captured)} FROM ${captured.relation}${where}${order}`, lane)
          read.ended(lane, segment)
        }
      }, signal),
  }
}

const ALTERED = new Set<number>([ServerError.tableUnknown, ServerError.columnUnknown, ServerError.tableChanged])

function loadError(error: unknown, table: Table): unknown {
  if (!ALTERED.has(serverErrno(error) ?? 0)) return error
  return new TailraceError(
    'LOAD_INTERRUPTED',
    'retry',
    `The first load of ${table.name} does not count: it was altered.`,
    {
      hint: 'It goes on by itself, with what still counts.',
      cause: error,
    },
  )
}
