import type { Batch, Chunk, Fence, LoadProgress, Source, SourceLog, Table } from '../contract.ts'
import { asBuffer } from '../record/cells.ts'
import { isSeen } from './decide.ts'
import { deletesOf } from './deletes.ts'

/** The keys of a repair of which no row has come: the sinks must not have one either. */
export class RowlessKeys {
  readonly #keys: Map<string, Uint8Array>
  /** The first and the last chunk's: between them the keys were looked for. */
  #first: Fence | undefined
  #last: Fence | undefined
  #table: Table | undefined

  constructor(keys: readonly Uint8Array[]) {
    this.#keys = new Map(keys.map(key => [nameOf(key), key]))
  }

  /** To be called with every chunk. */
  came({ rows, fence, table }: Chunk): void {
    for (const { kind, key } of rows) if (kind === 'r') this.#keys.delete(nameOf(key))
    this.#first ??= fence
    this.#last = fence
    this.#table = table
  }

  /** Their deletes, without those of which the log has what the fence does not see; undefined if none are left. */
  async deletes(
    log: Required<Pick<SourceLog, 'states'>> & Pick<SourceLog, 'tables'>,
    sees: Source['sees'],
    progress: LoadProgress,
    lineageFrom: bigint,
  ): Promise<Batch | undefined> {
    const [first, last, table] = [this.#first, this.#last, this.#table]
    if (first === undefined || last === undefined || table === undefined) return undefined
    const keys = [...this.#keys.values()]
    const asked = deletesOf({ table, keys, high: last.high, progress })
    const states = await log.states(asked)
    const gone = keys.filter((_, i) => {
      const newest = { version: states.version(i), transaction: states.transaction(i) }
      return states.state(i) === 'none' || isSeen(newest, first, lineageFrom, sees)
    })
    if (gone.length === keys.length) return gone.length === 0 ? undefined : asked
    return gone.length === 0 ? undefined : deletesOf({ table, keys: gone, high: last.high, progress })
  }
}

function nameOf(key: Uint8Array): string {
  return asBuffer(key).toString('latin1')
}
