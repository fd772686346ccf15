import { Completer } from '../complete.ts'
import type { Batch, Fence, LoadProgress, LoggedChange, Pass, Resume, Source, SourceLog, Table } from '../contract.ts'
import { laneEnds, tableOfLane } from '../record/lane-ends.ts'
import { Doubt } from './doubt.ts'
import { Touched } from './touched.ts'
import { Turns } from './turns.ts'

type Appended = Awaited<ReturnType<SourceLog['append']>>

/**
 * The one who appends to a source's log: the stream's units and, between two of them, what loads bring. What it throws
 * is the log's failure, or the abort of `signal`; the log then stands at the last whole unit.
 */
export class LogWriter {
  readonly #log: SourceLog
  readonly #completer: Completer
  readonly #signal: AbortSignal
  readonly #turns = new Turns()
  readonly #source: Source
  readonly #lanes: Map<string, LoadProgress>
  /** By table name. */
  readonly #doubts = new Map<string, Doubt>()
  readonly #watching = new Set<Touched>()
  /** Of the unit of the stream that is being appended. */
  #turn: Disposable | undefined
  #lineageFrom: bigint

  /** `signal` cuts an append off. */
  constructor(log: SourceLog, source: Source, resume: Resume | undefined, signal: AbortSignal) {
    this.#log = log
    this.#source = source
    this.#completer = new Completer(log, source, newest => this.#isDoubtful(newest))
    this.#signal = signal
    this.#lanes = new Map(resume?.loads)
    this.#lineageFrom = resume?.lineageFrom ?? 0n
  }

  /** As in Resume, now. */
  get lineageFrom(): bigint {
    return this.#lineageFrom
  }

  /** The last progress of the table's lane that is durable. */
  lane(table: string): LoadProgress | undefined {
    return this.#lanes.get(table)
  }

  /** What the table's pass leaves in doubt, from `beginDoubt` on. */
  doubt(table: string): Doubt | undefined {
    const pass = this.#openPass(table)
    const doubt = this.#doubts.get(table)
    return pass !== undefined && doubt?.pass === pass.id ? doubt : undefined
  }

  /**
   * The stream has passed this fence, the first one of a pass since it began or since the start: what the log has now of
   * the table is in doubt. Nothing is appended meanwhile. `newest`: the version of the newest change that is durable.
   */
  async beginDoubt(table: string, { id }: Pass, fence: Fence, newest: () => bigint): Promise<Doubt> {
    using _ = await this.#turns.load(this.#signal)
    const doubt = new Doubt(id, newest(), fence, this.#source.sees.bind(this.#source))
    this.#doubts.set(table, doubt)
    return doubt
  }

  #isDoubtful(newest: LoggedChange): boolean {
    const { name } = newest.table
    if (this.#openPass(name) === undefined) return false
    const doubt = this.doubt(name)
    // Until then all that comes is itself in doubt once it has begun.
    return doubt === undefined || doubt.isDoubtful(newest, this.#lineageFrom)
  }

  /** A pass over the table whose rows are not all read. */
  #openPass(table: string): Pass | undefined {
    const pass = this.#lanes.get(table)?.pass
    return pass?.isRead === true ? undefined : pass
  }

  /** A batch of the stream. */
  async stream(batch: Batch): Promise<Appended> {
    this.#turn ??= await this.#turns.stream(this.#signal)
    // Before: the log may give its memory back.
    for (const touched of this.#watching) touched.note(batch)
    const appended = await this.#append(batch)
    if (batch.end === undefined) return appended
    if (batch.end.identity !== undefined) this.#lineageFrom = (await this.#log.resume())?.lineageFrom ?? 0n
    this.#turn[Symbol.dispose]()
    this.#turn = undefined
    return appended
  }

  /** A unit of a load's lane as it is, while nothing else is appended. */
  async unit(batch: Batch): Promise<void> {
    using _ = await this.#turns.load(this.#signal)
    await this.#append(batch)
  }

  /**
   * The same of what was looked up in the log for it: `look` runs while the stream goes on, `make` when nothing comes in
   * between any more, with the keys that the stream has written since. Undefined: nothing is appended. `drain` ends the
   * waiting for it.
   */
  async merged<T>(
    table: Table,
    look: () => Promise<T>,
    make: (looked: T, touched: Touched) => Promise<Batch | undefined>,
    drain: AbortSignal,
  ): Promise<void> {
    const touched = new Touched(table)
    {
      // Between two units: what the stream has appended before is durable, and found.
      using _ = await this.#turns.load(drain)
      this.#watching.add(touched)
    }
    try {
      const looked = await look()
      using _ = await this.#turns.load(drain)
      const batch = await make(looked, touched)
      if (batch !== undefined) await this.#append(batch)
    } finally {
      this.#watching.delete(touched)
    }
  }

  async #append(batch: Batch): Promise<Appended> {
    const parts = this.#completer.parts(batch, this.#signal)
    let appended: Appended
    if (parts === undefined) appended = await this.#log.append(batch, this.#signal)
    else for await (const part of parts) appended = await this.#log.append(part, this.#signal)
    const { end } = batch
    if (end !== undefined) for (const { lane, progress } of laneEnds(end)) this.#lanes.set(tableOfLane(lane), progress)
    return appended
  }
}
