import { Completer } from '../complete.ts'
import type { Batch, LoadProgress, Resume, Source, SourceLog, Table } from '../contract.ts'
import { laneEnds, tableOfLane } from '../record/lane-ends.ts'
import { Touched } from './touched.ts'
import { Turns } from './turns.ts'

/** No version is greater. */
const ALL = 2n ** 64n

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
  readonly #lanes: Map<string, LoadProgress>
  readonly #watching = new Set<Touched>()
  /** Of the unit of the stream that is being appended. */
  #turn: Disposable | undefined
  #lineageFrom: bigint

  /** `signal` cuts an append off. */
  constructor(log: SourceLog, source: Source, resume: Resume | undefined, signal: AbortSignal) {
    this.#log = log
    this.#completer = new Completer(log, source, ({ name }) => this.#doubtful(name))
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

  /**
   * What the log had before the stream passed the first fence of a pass over the table may be of before a gap, until every
   * row is read again.
   */
  #doubtful(table: string): bigint {
    const pass = this.#lanes.get(table)?.pass
    if (pass === undefined || pass.isRead === true) return 0n
    return pass.fence === undefined ? ALL : BigInt(pass.since)
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
