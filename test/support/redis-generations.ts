import assert from 'node:assert/strict'
import type { Generation, LogBatch, Sink, SinkContext } from '../../runtime/contract.ts'
import { addressOf } from '../../sinks/redis/address.ts'
import { Connection } from '../../sinks/redis/connection.ts'
import redis from '../../sinks/redis.ts'
import type { RedisServer } from './redis.ts'
import { type RedisOptions, RedisPlace } from './redis-place.ts'
import { ScriptedLog, tuple } from './scripted-log.ts'
import { cursorOf, follow } from './sink-driver.ts'
import { items, LOG_ID, never, sinkContext } from './sink-rig.ts'

export type Contents = Readonly<Record<string, string>>

/** A redis sink's generations in a database of their own, and that database as other programs see it. */
export class GenerationsRig implements AsyncDisposable {
  readonly server: RedisServer
  readonly place: RedisPlace
  readonly context: SinkContext = sinkContext({ sources: ['app'] })
  readonly log = new ScriptedLog(LOG_ID)
  readonly batches: LogBatch[] = [this.log.batch(writer => writer.announce(items))]

  private constructor(server: RedisServer, place: RedisPlace) {
    this.server = server
    this.place = place
  }

  static async begin(server: RedisServer, options: RedisOptions = {}): Promise<GenerationsRig> {
    return new GenerationsRig(server, await RedisPlace.make(server, 1, options))
  }

  /** The same database and log under other options. */
  static over(rig: GenerationsRig, options: RedisOptions): GenerationsRig {
    const later = new GenerationsRig(rig.server, new RedisPlace(rig.server, 1, options))
    later.batches.push(...rig.batches.slice(1))
    return later
  }

  /** Every row from `from` to below `to` gets this name. */
  put(name: string, from: number, to: number): void {
    this.batches.push(
      this.log.batch(writer => {
        for (let id = from; id < to; id++) writer.row('u', items, tuple([`${id}`, name, null]))
      }),
    )
  }

  remove(from: number, to: number): void {
    this.batches.push(
      this.log.batch(writer => {
        for (let id = from; id < to; id++) writer.delete(items, tuple([`${id}`, undefined, undefined]), false)
      }),
    )
  }

  /** Opens a generation, with it caught up to the end of the log, for as long as `use` runs. */
  async with<T>(generation: Generation | undefined, use: (sink: Sink) => Promise<T>, source = 'app'): Promise<T> {
    const context = generation === undefined ? this.context : { ...this.context, generation }
    await using target = await this.place.open(context)
    return await use(await target.sink({ name: source, logId: LOG_ID }, never))
  }

  async catchUp(generation?: Generation, batches: readonly LogBatch[] = this.batches): Promise<void> {
    await this.with(generation, sink => follow(sink, batches))
  }

  cursor(generation?: Generation): Promise<string | undefined> {
    return this.with(generation, cursorOf)
  }

  swap(url = this.server.url(1), signal = never): Promise<void> {
    return redis.generations!.swap(this.#config(url), this.context, signal)
  }

  recall(url = this.server.url(1)): Promise<boolean> {
    return redis.generations!.recall(this.#config(url), this.context, never)
  }

  drop(generation: Generation, url = this.server.url(1)): Promise<void> {
    return redis.generations!.drop(this.#config(url), this.context, generation, never)
  }

  async destroy(url = this.server.url(1)): Promise<void> {
    await redis.destroy(this.#config(url), this.context, never)
  }

  #config(url: string): ReturnType<typeof redis.config.parse> {
    return redis.config.parse({ ...this.place.options, url })
  }

  text(...command: string[]): Promise<string | null> {
    return this.server.text(command, 1)
  }

  /** Every key and what it holds, those of a generation without what hides them. */
  async contents(generation?: Generation): Promise<Contents> {
    const hidden = generation === undefined ? '' : `_tailrace_${generation}_`
    await using connection = await Connection.open(addressOf(this.server.url(1)), 'test', never)
    const keys = ((await connection.ask('KEYS', '*')) as readonly Buffer[]).map(String)
    const own = keys.filter(key => (generation === undefined ? !key.startsWith('_tailrace') : key.startsWith(hidden)))
    const isHash = (this.place.options as { readonly value?: string }).value === 'hash'
    const values = await connection.askAll(own.map(key => (isHash ? ['HGET', key, 'name'] : ['GET', key])))
    const names = values.map(value => (isHash ? String(value) : (JSON.parse(String(value)) as { name: string }).name))
    return Object.fromEntries(own.map((key, i) => [key.slice(hidden.length), names[i]!]))
  }

  /** The sink's cursor rows, by owner and source. */
  async rows(): Promise<string[]> {
    const rows = (await this.server.command(['KEYS', '_tailrace:*'], 1)) as readonly Buffer[]
    const known = (await this.server.command(['SMEMBERS', '_tailrace'], 1)) as readonly Buffer[]
    assert.deepEqual(known.map(String).sort(), rows.map(String).sort())
    return rows.map(row => String(row).replace('_tailrace:shop:', '')).sort()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.place[Symbol.asyncDispose]()
  }
}

/** What the sink holds when every row from `from` to below `to` has this name. */
export function named(name: string, from: number, to: number): Contents {
  return Object.fromEntries(Array.from({ length: to - from }, (_, i) => [`public.items:${from + i}`, name]))
}
