import { Completer } from '../complete.ts'
import type { Batch, LoadProgress, Resume, Source, SourceLog, Table } from '../contract.ts'
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
  readonly #lanes: Map<string, LoadProgress>
  /** Of the unit of the stream that is being appended. */
  #turn: Disposable | undefined
  #lineageFrom: bigint

  /** `signal` cuts an append off. */
  constructor(log: SourceLog, source: Source, resume: Resume | undefined, signal: AbortSignal) {
    this.#log = log
    this.#completer = new Completer(log, source)
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

  /** A batch of the stream. */
  async stream(batch: Batch): Promise<Appended> {
    this.#turn ??= await this.#turns.stream(this.#signal)
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
   * The same of what `make` looks up in the log; undefined: nothing is appended. Nothing comes in between. `drain` ends the
   * waiting for it.
   */
  async merged(table: Table, make: () => Promise<Batch | undefined>, drain: AbortSignal): Promise<void> {
    // The index comes near first: the stream waits for a look-up that has all of the trail before it.
    await this.#log.newest?.(table, NO_KEY)
    using _ = await this.#turns.load(drain)
    const batch = await make()
    if (batch !== undefined) await this.#append(batch)
  }

  async #append(batch: Batch): Promise<Appended> {
    const parts = this.#completer.parts(batch, this.#signal)
    let appended: Appended
    if (parts === undefined) appended = await this.#log.append(batch, this.#signal)
    else for await (const part of parts) appended = await this.#log.append(part, this.#signal)
    const { end } = batch
    if (end !== undefined && end.lane !== 'stream') this.#lanes.set(end.lane.slice('load:'.length), end.progress)
    return appended
  }
}

const NO_KEY = new Uint8Array(0)
