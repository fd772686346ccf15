import { setTimeout } from 'node:timers/promises'
import { errorCode } from '../../runtime/errors.ts'
import type { Plan } from './plan.ts'
import type { Random } from './random.ts'

export type Outcome = { readonly committed: true; readonly xid: string } | { readonly committed: false }

/** How a database carries out plans. */
export interface PlanDatabase<Client> {
  /** Rejects with what `isDisconnect` knows while the server is away. */
  connect(): Promise<Client>
  /** Begins a transaction and carries out its statements, all at once or one by one. Answers the transaction's number. */
  run(client: Client, plan: Plan, atOnce: boolean): Promise<string>
  query(client: Client, sql: string): Promise<unknown>
  /** A statement that fails, and by which code. */
  readonly failing: { readonly sql: string; readonly code: string }
  /** What became of a transaction whose commit was not answered. */
  fate(client: Client, xid: string): Promise<'committed' | 'aborted' | 'unknown'>
  /** The server went away, is not back yet, or says that it goes. */
  isDisconnect(error: unknown): boolean
  /** The transaction was rolled back by the server, or is to be. */
  isAborted(error: unknown): boolean
  /** Of a client whose server went away. */
  drop(client: Client): void
  end(client: Client): Promise<void>
}

/** One connection that carries out plans. It outlives a server that is killed: what became of a commit is asked for. */
export class PlanConnection<Client> {
  readonly #database: PlanDatabase<Client>
  #client: Client | undefined

  constructor(database: PlanDatabase<Client>) {
    this.#database = database
  }

  /** In one round trip or statement by statement, so that transactions of several connections interleave. */
  async execute(plan: Plan, random: Random): Promise<Outcome> {
    const database = this.#database
    let xid: string | undefined
    let ending = false
    try {
      const client = await this.#connected()
      xid = await database.run(client, plan, random.chance(0.7))
      if (plan.ending === 'error') {
        await this.#fail(client)
        return { committed: false }
      }
      ending = plan.ending === 'commit'
      await database.query(client, ending ? 'COMMIT' : 'ROLLBACK')
      return ending ? { committed: true, xid } : { committed: false }
    } catch (error) {
      if (database.isAborted(error)) {
        await database.query(this.#client!, 'ROLLBACK').catch(() => {})
        return { committed: false }
      }
      this.#dropOn(error)
      return ending && xid !== undefined ? this.#askFor(xid) : { committed: false }
    }
  }

  async #connected(): Promise<Client> {
    while (this.#client === undefined) {
      try {
        this.#client = await this.#database.connect()
      } catch (error) {
        if (!this.#database.isDisconnect(error)) throw error
        await setTimeout(50)
      }
    }
    return this.#client
  }

  async #fail(client: Client): Promise<void> {
    const { failing } = this.#database
    try {
      await this.#database.query(client, failing.sql)
    } catch (error) {
      if (errorCode(error) !== failing.code) throw error
      await this.#database.query(client, 'ROLLBACK')
    }
  }

  async #askFor(xid: string): Promise<Outcome> {
    for (;;) {
      try {
        const fate = await this.#database.fate(await this.#connected(), xid)
        if (fate !== 'unknown') return fate === 'committed' ? { committed: true, xid } : { committed: false }
      } catch (error) {
        this.#dropOn(error)
      }
      await setTimeout(50)
    }
  }

  /** Throws what is not the end of the connection. */
  #dropOn(error: unknown): void {
    if (!this.#database.isDisconnect(error)) throw error
    if (this.#client !== undefined) this.#database.drop(this.#client)
    this.#client = undefined
  }

  async end(): Promise<void> {
    if (this.#client !== undefined) await this.#database.end(this.#client)
  }
}

/** Of a statement that tells how many rows it found. */
export function demandRows(sql: string, wanted: number | undefined, got: number | null | undefined): void {
  if (wanted === undefined || wanted === got) return
  throw new Error(`the oracle is wrong about its tables: ${wanted} rows expected, ${got} found: ${sql}`)
}
