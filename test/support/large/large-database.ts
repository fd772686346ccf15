import type { PostgresServer, TextRow } from '../postgres.ts'

/** A database of its own on a server, gone afterwards with the slot of its pipeline. */
export class LargeDatabase implements AsyncDisposable {
  readonly server: PostgresServer
  readonly name: string

  private constructor(server: PostgresServer, name: string) {
    this.server = server
    this.name = name
  }

  static async make(server: PostgresServer): Promise<LargeDatabase> {
    const url = await server.createDatabase()
    return new LargeDatabase(server, decodeURIComponent(new URL(url).pathname.slice(1)))
  }

  sql(text: string, params: readonly unknown[] = []): Promise<TextRow[]> {
    return this.server.sql(text, params, this.name)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const slots = `FROM pg_replication_slots WHERE database = '${this.name}'`
    await this.server.sql(`SELECT pg_terminate_backend(active_pid, 10000) ${slots} AND active_pid IS NOT NULL`)
    await this.server.sql(`SELECT pg_drop_replication_slot(slot_name) ${slots}`)
    await this.server.sql(`DROP DATABASE "${this.name}" WITH (FORCE)`)
  }
}
