import type { Sink, SinkContext, Target } from '../../runtime/contract.ts'
import { generationOwner } from '../../runtime/generation.ts'
import type { ServerAddress } from '../../runtime/server-address.ts'
import { Catalog, type CatalogOptions } from './catalog.ts'
import { Connection } from './connection.ts'
import { CursorRow } from './cursor-row.ts'
import { takeLock } from './lock.ts'
import { createOwnTables, type Owner } from './owner.ts'
import { databaseError } from './server-error.ts'
import { PostgresSink } from './sink.ts'

/** One generation of one sink. */
export class PostgresTarget implements Target {
  readonly #address: ServerAddress
  readonly #context: SinkContext
  readonly #options: CatalogOptions
  readonly #sinks: Sink[] = []

  /** `options` are shared by all sources: two tables never get one name. */
  constructor(address: ServerAddress, context: SinkContext, options: CatalogOptions) {
    this.#address = address
    this.#context = context
    this.#options = options
  }

  async sink({ name, logId }: { readonly name: string; readonly logId: string }, signal: AbortSignal): Promise<Sink> {
    const { pipeline, generation, name: own } = this.#context
    const owner: Owner = { pipeline, sink: generationOwner(own, generation), source: name }
    const connection = await Connection.open(this.#address, `tailrace ${pipeline} ${own}`, signal)
    try {
      await connection.within(signal, () => takeLock(connection, owner))
      const catalog = new Catalog(connection, owner, this.#options)
      const row = await connection.transaction(async () => {
        await createOwnTables(connection)
        const names = `${this.#options.template.schema}.${this.#options.template.table}`
        const taken = await CursorRow.take(connection, owner, { logId, names }, await catalog.isWhole())
        // Rows that no cursor vouches for, of another log or under other names, would outlive the rebuilding.
        if (taken.cursor === undefined) await catalog.emptyAll()
        return taken
      }, signal)
      const parts = { address: this.#address, context: this.#context, logId, connection, row, catalog }
      const sink = new PostgresSink(parts)
      this.#sinks.push(sink)
      return sink
    } catch (error) {
      connection.destroy()
      signal.throwIfAborted()
      throw databaseError(error, connection.server)
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const sink of this.#sinks) await sink[Symbol.asyncDispose]()
  }
}
