import { setTimeout } from 'node:timers/promises'
import type mysql from 'mysql2/promise'
import type { MysqlServer } from './server.ts'

export interface PacedWritesOptions {
  readonly database: string
  /** Run again and again, each a transaction of its own. */
  readonly statement: () => string
  /** A second, over all connections. */
  readonly rate: number
  readonly connections: number
}

/** Writes at a steady rate, and how long each takes. Ended with the object. */
export class PacedWrites implements AsyncDisposable {
  readonly #connections: readonly mysql.Connection[]
  readonly #loops: Promise<unknown>
  #isEnding = false
  #due = performance.now()
  #slowestMs = 0
  #count = 0

  private constructor(connections: readonly mysql.Connection[], { statement, rate }: PacedWritesOptions) {
    this.#connections = connections
    this.#loops = Promise.all(connections.map(connection => this.#writeOn(connection, statement, 1000 / rate)))
    this.#loops.catch(() => {})
  }

  static async start(server: MysqlServer, options: PacedWritesOptions): Promise<PacedWrites> {
    const { database, connections } = options
    const open = Array.from({ length: connections }, () => server.connect({ database }))
    return new PacedWrites(await Promise.all(open), options)
  }

  /** The slowest write that ended while `use` ran, in milliseconds, and writes a second. */
  async during(use: () => Promise<unknown>): Promise<{ readonly slowestMs: number; readonly rate: number }> {
    this.#slowestMs = 0
    const before = this.#count
    const began = performance.now()
    await Promise.race([use(), this.#loops])
    if (this.#isEnding) throw new Error('the writes have ended')
    return { slowestMs: this.#slowestMs, rate: ((this.#count - before) / (performance.now() - began)) * 1000 }
  }

  async #writeOn(connection: mysql.Connection, statement: () => string, everyMs: number): Promise<void> {
    while (!this.#isEnding) {
      const wait = this.#due - performance.now()
      // Behind a stall there is no burst to make up for it.
      this.#due = Math.max(this.#due, performance.now() - everyMs * this.#connections.length) + everyMs
      if (wait >= 1) await setTimeout(wait)
      const began = performance.now()
      await connection.query(statement())
      this.#slowestMs = Math.max(this.#slowestMs, performance.now() - began)
      this.#count++
    }
  }

  /** Rejects with what made a write fail. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isEnding = true
    try {
      await this.#loops
    } finally {
      for (const connection of this.#connections) await connection.end()
    }
  }
}
