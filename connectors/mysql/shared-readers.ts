import { Bell } from '../../runtime/abort.ts'
import type { MysqlConfig } from './config.ts'
import { QueryWire } from './query-wire.ts'
import { endView, needsLock, prepareViews, type SharedView, shareView } from './read-view.ts'
import type { ServerFacts } from './server-facts.ts'

/** Connections of a first load. More would take what the server needs for others. */
const COUNT = 2

/** Between two tables no lock of one is held: what is to alter it would wait for the end of the whole load. */
const SAVEPOINT = 'SAVEPOINT tailrace'
const RELEASE = 'ROLLBACK TO SAVEPOINT tailrace'

/** The few connections of a first load, which all see the same state, lent to one reader after the other. */
export class SharedReaders implements AsyncDisposable {
  readonly view: SharedView
  readonly #wires: readonly QueryWire[]
  readonly #free: QueryWire[]
  readonly #freed = new Bell()

  private constructor(view: SharedView, wires: readonly QueryWire[]) {
    this.view = view
    this.#wires = wires
    this.#free = [...wires]
  }

  /**
   * Undefined if no state could be shared (read-view.ts). Throws as mysqlError says. The connections end with `signal`, or
   * when it is disposed of.
   */
  static async open(
    config: MysqlConfig,
    name: string,
    facts: ServerFacts,
    relations: readonly string[],
    signal: AbortSignal,
  ): Promise<SharedReaders | undefined> {
    const wires: QueryWire[] = []
    let locker: QueryWire | undefined
    let isShared = false
    try {
      for (let i = 0; i < COUNT; i++) wires.push(await QueryWire.open(config, name, signal))
      if (needsLock(facts)) locker = await QueryWire.open(config, name, signal)
      for (const wire of [...wires, ...(locker === undefined ? [] : [locker])]) await prepareViews(wire)
      const view = await shareView(wires, { facts, relations, locker }, signal)
      if (view === undefined) return undefined
      for (const wire of wires) await wire.query(SAVEPOINT)
      isShared = true
      return new SharedReaders(view, wires)
    } finally {
      locker?.destroy()
      if (!isShared) for (const wire of wires) wire.destroy()
    }
  }

  /** Waits for a connection and lends it. One whose work throws is closed, and the state with it. */
  async use(work: (wire: QueryWire) => Promise<void>, signal: AbortSignal): Promise<void> {
    let wire = this.#free.pop()
    while (wire === undefined) {
      await this.#freed.wait(signal)
      wire = this.#free.pop()
    }
    const destroy = (): void => wire.destroy()
    signal.addEventListener('abort', destroy, { once: true })
    try {
      await work(wire)
      await wire.query(RELEASE)
      this.#free.push(wire)
    } catch (error) {
      destroy()
      throw error
    } finally {
      signal.removeEventListener('abort', destroy)
      this.#freed.ring()
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const wire of this.#wires) {
      if (this.#free.includes(wire)) await endView(wire).catch(() => {})
      wire.destroy()
    }
  }
}
