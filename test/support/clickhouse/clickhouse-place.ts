import type { z } from 'zod'
import type { SinkContext, Table, Target } from '../../../runtime/contract.ts'
import clickhouse from '../../../sinks/clickhouse.ts'
import type { ItemsClient, SinkPlace } from '../sink-rig.ts'
import type { ClickhouseServer } from './clickhouse-server.ts'

export type ClickhouseOptions = Partial<z.input<typeof clickhouse.config>>

/** Of what the sink keeps for itself. */
export const OWN_DATABASE = 'desk'
const SERVERS_OWN = ['system', 'information_schema', 'INFORMATION_SCHEMA', 'default']

/** Values of the sink's contract that a type of ClickHouse does not hold, or shows otherwise: BC, lists in lists, digits. */
const AS_TEXT = [
  ...['double', 'single', 'day', 'moment', 'list'].map(name => `app.public.types.${name}`),
  ...[18, 19, 21].map(i => `app.public.near.c${i}`),
  ...[17, 18, 20].map(i => `app.public.key_${i}.key`),
]

/** A server, emptied first. */
export class ClickhousePlace implements SinkPlace {
  readonly options: ClickhouseOptions
  readonly refuses = true
  readonly #server: ClickhouseServer

  private constructor(server: ClickhouseServer, options: ClickhouseOptions) {
    this.#server = server
    this.options = {
      url: `${server.url}/${OWN_DATABASE}`,
      name: '{source}_{schema}.t_{table}',
      asText: AS_TEXT,
      ...options,
    }
  }

  static async make(server: ClickhouseServer, options: ClickhouseOptions = {}): Promise<ClickhousePlace> {
    const place = new ClickhousePlace(server, options)
    await place.empty()
    return place
  }

  get child(): SinkPlace['child'] {
    return { type: 'clickhouse', options: this.options, crashPoint: 'clickhouse.written' }
  }

  /** Readers of rows in `app_public.t_items`. */
  get generations(): NonNullable<SinkPlace['generations']> {
    return { crashPoints: [1, 2, 3].map(pass => `clickhouse.step:${pass}`), client: async () => this.#client() }
  }

  get files(): NonNullable<SinkPlace['files']> {
    const server = this.#server
    return {
      folder: server.dataFolder,
      crashPoints: ['clickhouse.purged', 'clickhouse.purged:2'],
      async unpacked() {
        const tables = await server.rows<{ readonly name: string }>(
          `SELECT concat('\`', database, '\`.\`', name, '\`') AS name FROM system.tables WHERE engine LIKE '%MergeTree'`,
        )
        const texts = await Promise.all(tables.map(({ name }) => server.ask(`SELECT * FROM ${name}`)))
        return texts.join('\n')
      },
    }
  }

  shown(table: Table): ReturnType<SinkPlace['shown']> {
    return clickhouse.shown!(clickhouse.config.parse(this.options), table)
  }

  open(context: SinkContext): Promise<Target> {
    return clickhouse.open(clickhouse.config.parse(this.options), context)
  }

  async empty(): Promise<void> {
    const databases = await this.#server.rows<{ readonly name: string }>('SELECT name FROM system.databases')
    for (const { name } of databases)
      if (!SERVERS_OWN.includes(name)) await this.#server.ask(`DROP DATABASE \`${name.replaceAll('`', '\\`')}\` SYNC`)
    await this.#server.ask(`CREATE DATABASE ${OWN_DATABASE}`)
  }

  backup(): Promise<() => Promise<void>> {
    return this.#server.backup()
  }

  #client(): ItemsClient {
    const server = this.#server
    return {
      async read() {
        const rows = await server.rows<{ readonly id: number; readonly name: string }>(
          'SELECT id, name FROM app_public.t_items FINAL',
        )
        return new Map(rows.map(({ id, name }) => [String(id), name]))
      },
      async [Symbol.asyncDispose]() {},
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.empty()
  }
}
