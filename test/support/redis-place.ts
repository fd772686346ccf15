import assert from 'node:assert/strict'
import type { z } from 'zod'
import type { SinkContext, Table } from '../../runtime/contract.ts'
import { addressOf } from '../../sinks/redis/address.ts'
import { Connection } from '../../sinks/redis/connection.ts'
import redis from '../../sinks/redis.ts'
import type { RedisServer } from './redis.ts'
import { type ItemsClient, never, type SinkPlace, SinkRig } from './sink-rig.ts'

export type RedisOptions = Partial<z.input<typeof redis.config>>

/** Of the rows that a client looks at. */
const CLIENT_IDS = 100

/** A database of a server, emptied first. */
export class RedisPlace implements SinkPlace {
  readonly database: number
  readonly options: RedisOptions
  readonly #server: RedisServer

  constructor(server: RedisServer, database: number, options: RedisOptions) {
    this.#server = server
    this.database = database
    this.options = { url: server.url(database), ...options }
  }

  static async make(server: RedisServer, database: number, options: RedisOptions = {}): Promise<RedisPlace> {
    const place = new RedisPlace(server, database, options)
    await place.empty()
    return place
  }

  shown(table: Table): ReturnType<SinkPlace['shown']> {
    return redis.shown!(redis.config.parse(this.options), table)
  }

  get child(): SinkPlace['child'] {
    return { type: 'redis', options: this.options, crashPoint: 'redis.sent' }
  }

  /** Readers of rows with the name `{source}:{schema}.{table}`. */
  get generations(): NonNullable<SinkPlace['generations']> {
    // Behind every transaction of a swap of one page, where there is a previous generation.
    const crashPoints = [2, 4, 6, 8, 10, 12, 14].map(pass => `redis.step:${pass}`)
    return { crashPoints, client: () => this.#client() }
  }

  async #client(): Promise<ItemsClient> {
    const connection = await Connection.open(addressOf(this.#server.url(this.database)), 'reader', never)
    const isHash = (this.options as { readonly value?: string }).value === 'hash'
    const ids = Array.from({ length: CLIENT_IDS }, (_, id) => String(id))
    const gets = ids.map(id => `app:public.items:${id}`).map(key => (isHash ? ['HGET', key, 'name'] : ['GET', key]))
    return {
      async read() {
        const values = await connection.askAll(gets)
        const nameIn = (text: string): string => (isHash ? text : (JSON.parse(text) as { name: string }).name)
        return new Map(
          values.flatMap((value, i) => (value === null ? [] : [[ids[i]!, nameIn(String(value))] as const])),
        )
      },
      [Symbol.asyncDispose]: () => connection[Symbol.asyncDispose](),
    }
  }

  open(context: SinkContext): ReturnType<typeof redis.open> {
    return redis.open(redis.config.parse(this.options), context)
  }

  async empty(): Promise<void> {
    await this.#server.command(['FLUSHDB'], this.database)
  }

  backup(): Promise<() => Promise<void>> {
    return this.#server.backup()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.empty()
  }
}

/** A sink on a database of its own, and that database as other programs see it. */
export class RedisRig extends SinkRig {
  readonly server: RedisServer
  readonly database: number

  constructor(server: RedisServer, database: number) {
    super()
    this.server = server
    this.database = database
  }

  static async begin(server: RedisServer, database: number, options: RedisOptions = {}): Promise<RedisRig> {
    const rig = new RedisRig(server, database)
    await rig.begin(await RedisPlace.make(server, database, options))
    return rig
  }

  text(...command: string[]): Promise<string | null> {
    return this.server.text(command, this.database)
  }

  /** Every key but the sink's own, sorted. */
  async keys(): Promise<string[]> {
    const keys = await this.server.command(['KEYS', '*'], this.database)
    return (keys as readonly Buffer[])
      .map(String)
      .filter(key => !key.startsWith('_tailrace'))
      .sort()
  }

  async expectKeys(...keys: string[]): Promise<void> {
    assert.deepEqual(await this.keys(), keys.sort())
  }
}
