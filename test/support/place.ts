/** A database with one table `t`, as a start and as the stream see it. */

import type { Captured } from '../../connectors/postgres/capture.ts'
import { captureAgain } from '../../connectors/postgres/captured-again.ts'
import { captureTables } from '../../connectors/postgres/catalog.ts'
import { type PostgresConfig, postgresConfig } from '../../connectors/postgres/config.ts'
import { connectSql } from '../../connectors/postgres/connection.ts'
import type { Relation } from '../../connectors/postgres/relation.ts'
import { Numbering } from '../../connectors/postgres/table-version.ts'
import { tableFromRelation } from '../../connectors/postgres/versions.ts'
import type { SourceContext, Table } from '../../runtime/contract.ts'
import { createLogger } from '../../runtime/logger.ts'
import type { PostgresServer } from './postgres.ts'

export type Options = Record<string, unknown>

export class Place {
  readonly #server: PostgresServer
  readonly #url: string
  readonly #options: Options

  private constructor(server: PostgresServer, url: string, options: Options) {
    this.#server = server
    this.#url = url
    this.#options = { tables: ['public.t'], ...options }
  }

  static async with(server: PostgresServer, ddl: string, options: Options = {}): Promise<Place> {
    const place = new Place(server, await server.createDatabase(), options)
    await place.sql(ddl)
    return place
  }

  /** The same database under other options. */
  but(options: Options): Place {
    return new Place(this.#server, this.#url, { ...this.#options, ...options })
  }

  async sql(text: string): Promise<void> {
    await this.#server.sql(text, [], new URL(this.#url).pathname.slice(1))
  }

  async #use<T>(work: (client: Awaited<ReturnType<typeof connectSql>>) => Promise<T>): Promise<T> {
    const client = await connectSql(this.#config(), 'tailrace test', new AbortController().signal)
    return await work(client).finally(() => client.end())
  }

  #config(): PostgresConfig {
    return postgresConfig.parse({ url: this.#url, ...this.#options })
  }

  /** `meanwhile`: SQL that somebody runs behind the first statement of the capture. */
  async capture(known: readonly Table[] = [], meanwhile?: string): Promise<Captured> {
    const [captured] = await this.#use(client => {
      if (meanwhile !== undefined) this.#interrupt(client, meanwhile)
      return captureTables(client, 'app', this.#config(), known)
    })
    return captured!
  }

  /** What a log that knows these tables goes on with, and which it has lost. */
  async captureAgain(
    known: readonly Table[],
    meanwhile: string,
  ): Promise<{ captured: string[]; gone: readonly string[] }> {
    const config = this.#config()
    const context: SourceContext = { pipeline: 'test', name: 'app', folder: '', logger: createLogger('silent') }
    const numbering = new Numbering('app', known, config.maskKey).byName
    const from = { loads: new Map(), tables: known, identity: {}, lineageFrom: 0n }
    const { captured, gone } = await this.#use(client => {
      this.#interrupt(client, meanwhile)
      return captureAgain(client, { config, context, numbering }, from, 170_000)
    })
    return { captured: captured.map(({ table }) => table.table), gone }
  }

  /** Before the second statement of the client somebody else runs this SQL. */
  #interrupt(client: Awaited<ReturnType<typeof connectSql>>, sql: string): void {
    const query = client.query.bind(client) as (...given: unknown[]) => Promise<unknown>
    let queries = 0
    Object.assign(client, {
      query: async (...given: unknown[]) => {
        if (++queries === 2) await this.sql(sql)
        return await query(...given)
      },
    })
  }

  /** What pgoutput would send before the next row. */
  async relation(): Promise<Relation> {
    const { rows } = await this.#use(client =>
      client.query<{ json: string }>(`
        SELECT json_build_object('oid', c.oid::bigint, 'schema', 'public', 'table', c.relname, 'identity', c.relreplident,
          'columns', json_agg(json_build_object('name', a.attname, 'typeOid', a.atttypid::bigint, 'typmod', a.atttypmod,
            'key', c.relreplident = 'f' OR EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid
              AND a.attnum = ANY (i.indkey)
              AND CASE c.relreplident WHEN 'd' THEN i.indisprimary ELSE i.indisreplident END)) ORDER BY a.attnum)) AS json
        FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
        WHERE c.oid = 'public.t'::regclass AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
        GROUP BY c.oid`),
    )
    return JSON.parse(rows[0]!.json) as Relation
  }

  async follow(relation: Relation, current: Captured, known: readonly Table[] = [current.table]): Promise<Captured> {
    return await this.#use(client => tableFromRelation(client, 'app', this.#config(), relation, current, known))
  }
}
