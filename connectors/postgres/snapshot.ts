import type pg from 'pg'
import type {
  Batch,
  Chunk,
  LoadProgress,
  LoadRequest,
  Position,
  SourceIdentity,
  Table,
} from '../../runtime/contract.ts'
import { errorCode, errorMessage, TailraceError } from '../../runtime/errors.ts'
import type { Captured } from './catalog.ts'
import { filesOf, readTables, stateOf } from './catalog-rows.ts'
import type { PostgresConfig } from './config.ts'
import { connectSql, postgresError } from './connection.ts'
import type { FastLane } from './fast-lane.ts'
import { EXPORTED_FENCE } from './fence.ts'
import { LoadLane } from './load-lane.ts'
import { quoteLiteral } from './quote.ts'
import { type LoadPlan, planLoad } from './ranges.ts'
import { ReadRanges } from './read-ranges.ts'
import { type RowConnection, selectRows } from './select-rows.ts'
import { DirectSocket } from './socket.ts'
import { Turnstile } from './turnstile.ts'

export interface LoadContext {
  readonly config: PostgresConfig
  readonly sourceName: string
  /** Exported with the slot; the connection that made it must stay open and idle until the load has ended. */
  readonly snapshotName: string
  readonly consistentPoint: Position
  readonly captured: Captured
  /** Every table version so far: what batches of this source may name. */
  readonly tables: readonly Table[]
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
  const load = new Load(request, context, signal)
  try {
    yield* load.chunks()
  } catch (error) {
    signal.throwIfAborted()
    throw loadError(error, context)
  } finally {
    await load[Symbol.asyncDispose]()
  }
}

class Load implements AsyncDisposable {
  readonly #request: LoadRequest
  readonly #context: LoadContext
  readonly #ending = new AbortController()
  readonly #signal: AbortSignal
  readonly #connections: RowConnection[] = []
  readonly #turnstile = new Turnstile<Batch>()
  readonly #workers: Promise<void>[] = []
  /** For the first unit. */
  #identity: SourceIdentity | undefined
  #ranges = new ReadRanges([])
  #next = 0
  #rows = 0

  constructor(request: LoadRequest, context: LoadContext, signal: AbortSignal) {
    this.#request = request
    this.#context = context
    this.#identity = context.identity
    this.#signal = AbortSignal.any([signal, this.#ending.signal])
  }

  async *chunks(): AsyncGenerator<Chunk> {
    const first = await this.#connect()
    await this.#requireState(first)
    const time = await this.#enterSnapshot(first)
    const plan = await planLoad(first, this.#context.captured)
    this.#ranges = new ReadRanges(plan.ranges)
    const lanes = [this.#lane(plan, time)]
    const [opening] = lanes
    const { captured, announce } = this.#context
    opening!.announce([captured.table, ...announce.filter(({ id }) => id !== captured.table.id)])
    if (this.#request.restart) opening!.truncate()
    if (plan.ranges.length > 1 && !this.#isOver) {
      // Its rows may be ahead of those of the first lane, but not of the table's announcement.
      yield this.#chunk(this.#take(opening!))
      const second = await this.#connect()
      await this.#enterSnapshot(second)
      lanes.push(this.#lane(plan, time))
    }
    this.#workers.push(...lanes.map((lane, i) => this.#work(this.#connections[i]!, lane, plan)))
    const ended = Promise.all(this.#workers).then(() => undefined)
    for await (const batch of this.#turnstile.until(ended)) yield this.#chunk(batch)
    for (const lane of lanes.slice(1)) if (lane.rows > 0) yield this.#chunk(this.#take(lane))
    await first.query('COMMIT')
    await this.#requireState(first)
    await Promise.all(this.#connections.map(({ client }) => client.end()))
    for (const lane of lanes) this.#ranges.taken(lane)
    yield this.#chunk(this.#take(opening!, this.#ranges.areAll))
  }

  /** A table without a key can be read in no other way. */
  get #isOver(): boolean {
    return this.#context.captured.table.key.length > 0 && this.#context.fastLane.isOver
  }

  /** On behalf of one connection: the next range, until there is none or time is up. */
  async #work(connection: RowConnection, lane: LoadLane, plan: LoadPlan): Promise<void> {
    while (this.#next < plan.ranges.length && !this.#isOver) {
      const range = plan.ranges[this.#next++]!
      await selectRows(connection, range.sql, lane)
      this.#ranges.ended(lane, range)
    }
  }

  #take(lane: LoadLane, done = false): Batch {
    this.#ranges.taken(lane)
    const identity = this.#identity
    this.#identity = undefined
    return lane.take(this.#progress(lane.rows, done), identity)
  }

  #lane(plan: LoadPlan, time: bigint): LoadLane {
    const { captured, config, consistentPoint, tables } = this.#context
    const lane: LoadLane = new LoadLane({
      captured,
      tables,
      columns: plan.columns.length,
      maxValueBytes: config.maxValueBytes,
      onFull: () => this.#turnstile.put(this.#take(lane)),
    })
    lane.under(consistentPoint, time)
    return lane
  }

  #progress(rows: number, done = false): LoadProgress {
    this.#rows += rows
    const { estimatedRows } = this.#request
    const atLeast = estimatedRows === null ? null : Math.max(estimatedRows, this.#rows)
    const { captured, slot, consistentPoint } = this.#context
    const { attributes, table, leaves } = captured
    const at = { attributes, slot, point: consistentPoint, table: table.id }
    const state = this.#ranges.state(done ? { ...at, files: filesOf(leaves) } : at)
    return { done, rows: this.#rows, totalRows: done ? this.#rows : atLeast, state }
  }

  #chunk(rows: Batch): Chunk {
    const { captured, consistentPoint, fastLane } = this.#context
    fastLane.read(rows.bytes.length)
    const progress = rows.end as { readonly progress: LoadProgress }
    return {
      table: captured.table,
      fence: { data: EXPORTED_FENCE, high: consistentPoint },
      rows,
      progress: progress.progress,
    }
  }

  async #connect(): Promise<pg.Client> {
    const { config, sourceName } = this.#context
    const direct = new DirectSocket()
    const client = await connectSql(config, `tailrace ${sourceName} load`, this.#signal, direct.socket)
    this.#connections.push({ client, direct })
    return client
  }

  /** Answers the server's clock, microseconds since 1970. */
  async #enterSnapshot(client: pg.Client): Promise<bigint> {
    await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY')
    try {
      await client.query(`SET TRANSACTION SNAPSHOT ${quoteLiteral(this.#context.snapshotName)}`)
    } catch (error) {
      if (!isRefusal(error)) throw error
      throw interrupted(this.#context.captured, 'the snapshot it was read under is gone', error)
    }
    const { rows } = await client.query<{ time: string }>(
      'SELECT (EXTRACT(epoch FROM pg_catalog.clock_timestamp()) * 1000000)::int8 AS time',
    )
    return BigInt(rows[0]!.time)
  }

  /**
   * A rewrite or a truncate makes a table look empty to an older snapshot, so what was read counts only if the table is
   * still the one that was captured (R4.1). Outside a transaction: inside it the catalog would be old as well.
   */
  async #requireState(client: pg.Client): Promise<void> {
    const { captured } = this.#context
    const rows = (await readTables(client, [captured.oid])).get(captured.oid)!
    if (stateOf(rows) !== captured.state)
      throw interrupted(captured, 'it was altered, rewritten or truncated meanwhile')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ending.abort()
    await Promise.allSettled(this.#workers)
  }
}

/** The server itself refused, and not because it goes away. */
function isRefusal(error: unknown): boolean {
  const code = errorCode(error)
  return code !== undefined && /^[0-9A-Z]{5}$/.test(code) && !/^(08|53|57)/.test(code)
}

/** Undefined table or column. */
const GONE = new Set(['42P01', '42703'])

function loadError(error: unknown, { captured, config }: LoadContext): TailraceError {
  if (GONE.has(errorCode(error) ?? '')) return interrupted(captured, errorMessage(error), error)
  return postgresError(error, config)
}

function interrupted({ table }: Captured, why: string, cause?: unknown): TailraceError {
  return new TailraceError('LOAD_INTERRUPTED', 'retry', `The first load of ${table.name} does not count: ${why}.`, {
    hint: 'It goes on by itself, with what still counts.',
    cause,
  })
}
