import type { Chunk, LoadRequest, Position, SourceIdentity, Table } from '../../runtime/contract.ts'
import { errorCode, errorMessage, TailraceError } from '../../runtime/errors.ts'
import { LaneLoad, type LaneLoadOptions } from '../common/lane-load.ts'
import type { Captured } from './capture.ts'
import { filesOf } from './catalog-rows.ts'
import type { PostgresConfig } from './config.ts'
import { postgresError } from './connection.ts'
import type { FastLane } from './fast-lane.ts'
import { EXPORTED_FENCE } from './fence.ts'
import { LoadLane } from './load-lane.ts'
import { planLoad, type Range } from './ranges.ts'
import { ReadRanges } from './read-ranges.ts'
import { SnapshotGone, type SnapshotReaders } from './snapshot-readers.ts'
import type { StateLook } from './state-look.ts'

export interface LoadContext {
  readonly config: PostgresConfig
  readonly readers: SnapshotReaders
  readonly states: StateLook
  readonly consistentPoint: Position
  readonly captured: Captured
  /** Every table version so far: what batches of this source may name. Takes up what is announced. */
  readonly registry: Map<number, Table>
  /** Tables to make known in the first unit beside this one: those that are loaded later. */
  readonly announce: readonly Table[]
  /** Whose snapshot it is. */
  readonly slot: string
  /** Stored with the first unit, so that a load that was interrupted can tell whether it may go on. */
  readonly identity: SourceIdentity | undefined
  /** Ends the load before its table is read, if the table has a key. */
  readonly fastLane: FastLane
}

/**
 * Reads a table under the exported snapshot, as units of lane `load:<table>`. The first chunk announces the table
 * (its `s`) and, for a restart, truncates it; the last has `progress.done`, or not where time is up: the rest is then read
 * beside the stream. Throws LOAD_INTERRUPTED (retry: what
 * counts is kept, the rest is read beside the stream) if the snapshot is gone or the table was rewritten, VALUE_TOO_LARGE.
 */
export async function* loadTable(
  request: LoadRequest,
  context: LoadContext,
  signal: AbortSignal,
): AsyncGenerator<Chunk> {
  try {
    const time = await context.readers.now(signal)
    await using load = new LaneLoad(laneLoad(request, context, time), signal)
    for await (const chunk of load.chunks()) {
      context.fastLane.read(chunk.rows.bytes.length)
      yield chunk
    }
  } catch (error) {
    signal.throwIfAborted()
    throw loadError(error, context)
  }
}

function laneLoad(request: LoadRequest, context: LoadContext, time: bigint): LaneLoadOptions<LoadLane> {
  const { captured, config, consistentPoint, registry, announce, identity, slot } = context
  const { attributes, table, leaves } = captured
  const plan = planLoad(captured)
  const read = new ReadRanges(plan.ranges)
  const at = { attributes, slot, point: consistentPoint, table: table.id }
  return {
    request,
    table,
    fence: { data: EXPORTED_FENCE, high: consistentPoint },
    time,
    announce,
    identity,
    isShared: plan.ranges.length > 1 && !isOver(context),
    parts: {
      taken: lane => read.taken(lane),
      get areAll() {
        return read.areAll
      },
      state: done => read.state(done ? { ...at, files: filesOf(leaves) } : at),
    },
    lane: onFull =>
      new LoadLane({
        captured,
        registry,
        columns: plan.columns.length,
        maxValueBytes: config.maxValueBytes,
        onFull,
      }),
    work: worker(plan.ranges, read, context),
    confirm: () => requireState(context),
  }
}

/** A table without a key can be read in no other way. */
function isOver({ captured, fastLane }: LoadContext): boolean {
  return captured.table.key.length > 0 && fastLane.isOver
}

/** On behalf of one connection: the next range, until there is none or time is up. */
function worker(ranges: readonly Range[], read: ReadRanges, context: LoadContext): LaneLoadOptions<LoadLane>['work'] {
  let next = 0
  return async (lane, signal) => {
    if (ranges.length === 0 || isOver(context)) return
    await context.readers.use(async reader => {
      const isAlone = ranges.length === 1
      if (!isAlone) await reader.enter()
      while (next < ranges.length && !isOver(context)) {
        const range = ranges[next++]!
        if (isAlone) await reader.readAlone(range.sql, lane)
        else await reader.read(range.sql, lane)
        read.ended(lane, range)
      }
      if (!isAlone) await reader.leave()
    }, signal)
  }
}

/**
 * A rewrite or a truncate makes a table look empty to an older snapshot, so what was read counts only if the table is
 * still the one that was captured, which was before the snapshot (R4.1).
 */
async function requireState({ captured, states }: LoadContext): Promise<void> {
  if ((await states.of(captured.oid)) !== captured.state)
    throw interrupted(captured, 'it was altered, rewritten or truncated meanwhile')
}

/** Undefined table or column. */
const GONE = new Set(['42P01', '42703'])

function loadError(error: unknown, { captured, config }: LoadContext): TailraceError {
  if (error instanceof SnapshotGone) return interrupted(captured, 'the snapshot it was read under is gone', error.cause)
  if (GONE.has(errorCode(error) ?? '')) return interrupted(captured, errorMessage(error), error)
  return postgresError(error, config)
}

function interrupted({ table }: Captured, why: string, cause?: unknown): TailraceError {
  return new TailraceError('LOAD_INTERRUPTED', 'retry', `The first load of ${table.name} does not count: ${why}.`, {
    hint: 'It goes on by itself, with what still counts.',
    cause,
  })
}
