import type { Batch, LoadProgress, Position, Resume, SourceIdentity, Table, UnitEnd } from '../../contract.ts'
import { laneEnds, tableOfLane } from '../../record/lane-ends.ts'

/** What a log holds of its source, kept up to date unit by unit. */
export class ResumeState {
  readonly tables = new Map<number, Table>()
  stream: Position | undefined
  identity: SourceIdentity = {}
  readonly loads = new Map<string, LoadProgress>()
  /** See `Resume.lineageFrom`. */
  lineageFrom = 0n
  #units = 0

  /** The tables a batch announced are known from its append on; its end, once durable, goes through `end`. */
  know(batch: Batch): void {
    for (const id of batch.tables) {
      const table = batch.registry.get(id)
      if (table !== undefined && !this.tables.has(id)) this.tables.set(id, table)
    }
  }

  /**
   * A unit is durable. `before`: version of what stands last ahead of it. Answers whether another lineage begins with
   * it, so that positions remembered of former units tell nothing any more.
   */
  end(end: UnitEnd, before: bigint): boolean {
    const isOther = end.identity !== undefined && lineageOf(end.identity) !== lineageOf(this.identity)
    if (isOther) this.lineageFrom = before
    this.#take(end)
    return isOther
  }

  /** As `end` left it for the units up to a checkpoint. */
  restore(ends: readonly UnitEnd[], identity: SourceIdentity, lineageFrom: bigint): void {
    for (const end of ends) this.#take(end)
    this.identity = identity
    this.lineageFrom = lineageFrom
  }

  /** Undefined while nothing is stored. */
  resume(): Resume | undefined {
    if (this.#units === 0) return undefined
    const tables = [...this.tables.values()].sort((a, b) => a.id - b.id)
    const { identity, lineageFrom } = this
    const resume = { loads: new Map(this.loads), tables, identity, lineageFrom }
    return this.stream === undefined ? resume : { ...resume, stream: this.stream }
  }

  #take(end: UnitEnd): void {
    this.#units++
    if (end.identity !== undefined) this.identity = end.identity
    if (end.lane === 'stream') this.stream = end.position
    else for (const { lane, progress } of laneEnds(end)) this.loads.set(tableOfLane(lane), progress)
  }
}

/** A number in decimal, given by the source; absent before it has told of another. */
function lineageOf(identity: SourceIdentity): string {
  return identity.lineage ?? '0'
}
