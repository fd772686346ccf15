import type { Chunk, LoadRequest, Table } from '../../runtime/contract.ts'
import { TailraceError } from '../../runtime/errors.ts'
import type { Captured } from './capture.ts'
import { readTables } from './catalog-rows.ts'
import type { PostgresConfig } from './config.ts'
import { FastLane } from './fast-lane.ts'
import { formatLsn } from './position.ts'
import { loadTable } from './snapshot.ts'
import { SnapshotReaders } from './snapshot-readers.ts'
import type { SharedSql } from './sql.ts'
import type { Start } from './start.ts'
import { StateLook } from './state-look.ts'

export interface FirstLoadOptions {
  readonly config: PostgresConfig
  readonly sourceName: string
  readonly sql: SharedSql
  readonly start: Start
  /** Table versions that the log knows: those announced here are added once their unit was asked to be followed. */
  readonly logged: Map<number, Table>
  /** The same and those announced since: what batches of this source may name. */
  readonly registry: Map<number, Table>
  /** See FastLane. */
  readonly fastLaneMs: number | undefined
}

/** What the loads under one exported snapshot share. */
export class FirstLoad implements AsyncDisposable {
  readonly #options: FirstLoadOptions
  readonly #ending = new AbortController()
  readonly #readers: SnapshotReaders
  readonly #states: StateLook
  readonly #fastLane: FastLane
  /** Tables that no unit has made known yet. */
  #unknown: readonly Table[]

  /** Throws LOAD_UNSUPPORTED if there is no snapshot. */
  constructor(options: FirstLoadOptions) {
    const { config, sourceName, sql, start, logged, fastLaneMs } = options
    if (start.snapshot === undefined)
      throw new TailraceError('LOAD_UNSUPPORTED', 'stop', 'There is no snapshot that tables could be read under.')
    this.#options = options
    this.#readers = new SnapshotReaders({ config, sourceName, snapshot: start.snapshot })
    this.#states = new StateLook(oids => sql.use(client => readTables(client, oids), this.#ending.signal))
    this.#fastLane = new FastLane(
      start.captured.reduce((bytes, { estimatedBytes }) => bytes + (estimatedBytes ?? 0), 0),
      fastLaneMs,
    )
    this.#unknown = start.captured.map(({ table }) => table).filter(({ id }) => !logged.has(id))
  }

  /** The first chunk of all makes every table known. */
  async *load(request: LoadRequest, captured: Captured, signal: AbortSignal): AsyncGenerator<Chunk> {
    const { config, start, logged, registry } = this.#options
    const announce = this.#unknown
    const context = {
      config,
      readers: this.#readers,
      states: this.#states,
      consistentPoint: formatLsn(start.position),
      captured,
      registry,
      announce,
      slot: start.slot,
      identity: start.isReplacing ? undefined : start.identity,
      fastLane: this.#fastLane,
    }
    for await (const chunk of loadTable(request, context, signal)) {
      yield chunk
      for (const table of announce) logged.set(table.id, table)
      if (announce.length > 0) this.#unknown = []
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ending.abort(new Error('the first load has ended'))
    await this.#readers[Symbol.asyncDispose]()
  }
}
