import type { Chunk, LoadRequest, Position, Table } from '../../runtime/contract.ts'
import type { Captured } from './catalog.ts'
import type { PostgresConfig } from './config.ts'

/** `Fence.data` of rows read under the slot's exported snapshot: it sees no transaction that the stream brings. */
export const EXPORTED_FENCE = 'exported'

export interface LoadContext {
  readonly config: PostgresConfig
  readonly sourceName: string
  /** Exported with the slot; the connection that made it must stay open and idle until the load has ended. */
  readonly snapshotName: string
  readonly consistentPoint: Position
  readonly captured: Captured
  /** Every table version so far: what batches of this source may name. */
  readonly tables: readonly Table[]
}

/**
 * Reads a table under the exported snapshot, as units of lane `load:<table>`. The first chunk announces the table
 * (its `s`) and, for a restart, truncates it; the last has `progress.done`. Throws LOAD_INTERRUPTED (retry: the first
 * load starts again) if the snapshot is gone or the table was rewritten, VALUE_TOO_LARGE.
 */
export async function* loadTable(
  _request: LoadRequest,
  _context: LoadContext,
  _signal: AbortSignal,
): AsyncGenerator<Chunk> {
  yield* []
  throw new Error('not built yet')
}
