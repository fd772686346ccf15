import type { ServerAddress } from '../../runtime/server-address.ts'
import { Connection } from './connection.ts'
import { databaseError } from './server-error.ts'

/** Sessions that are kept for the next reading. */
const KEPT = 2

/** Sessions beside the writer's, each for one reading at a time. */
export class Readers implements Disposable {
  readonly #address: ServerAddress
  readonly #name: string
  readonly #idle: Connection[] = []
  #isClosed = false

  constructor(address: ServerAddress, name: string) {
    this.#address = address
    this.#name = name
  }

  /** Rejects with the signal's reason when it aborts, which ends the session. */
  async use<T>(signal: AbortSignal, work: (connection: Connection) => Promise<T>): Promise<T> {
    signal.throwIfAborted()
    const connection = this.#taken() ?? (await Connection.open(this.#address, this.#name, signal))
    try {
      return await connection.within(signal, () => work(connection))
    } catch (error) {
      signal.throwIfAborted()
      throw databaseError(error, connection.server)
    } finally {
      if (connection.isOpen && !this.#isClosed && this.#idle.length < KEPT) this.#idle.push(connection)
      else connection[Symbol.dispose]()
    }
  }

  #taken(): Connection | undefined {
    for (;;) {
      const connection = this.#idle.pop()
      if (connection === undefined || connection.isOpen) return connection
    }
  }

  [Symbol.dispose](): void {
    this.#isClosed = true
    for (const connection of this.#idle.splice(0)) connection[Symbol.dispose]()
  }
}
