import type { Batch, LoadProgress, Position, Resume, SourceIdentity, Table, UnitEnd } from '../../contract.ts'

/** What a log holds of its source, kept up to date unit by unit. */
export class ResumeState {
  readonly tables = new Map<number, Table>()
  stream: Position | undefined
  identity: SourceIdentity = {}
  readonly loads = new Map<string, LoadProgress>()
  #units = 0

  /** The tables a batch announced are known from its append on; its end, once durable, goes through `end`. */
  know(batch: Batch): void {
    for (const id of batch.tables) {
      const table = batch.registry.get(id)
      if (table !== undefined && !this.tables.has(id)) this.tables.set(id, table)
    }
  }

  end(end: UnitEnd): void {
    this.#units++
    if (end.identity !== undefined) this.identity = end.identity
    if (end.lane === 'stream') this.stream = end.position
    else this.loads.set(end.lane.slice('load:'.length), end.progress)
  }

  /** Undefined while nothing is stored. */
  resume(): Resume | undefined {
    if (this.#units === 0) return undefined
    const tables = [...this.tables.values()].sort((a, b) => a.id - b.id)
    const resume = { loads: new Map(this.loads), tables, identity: this.identity, lineageFrom: 0n }
    return this.stream === undefined ? resume : { ...resume, stream: this.stream }
  }
}
