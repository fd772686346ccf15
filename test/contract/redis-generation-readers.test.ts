import assert from 'node:assert/strict'
import { afterAll, beforeAll, expect, it } from '@jest/globals'
import { addressOf } from '../../sinks/redis/address.ts'
import { Connection } from '../../sinks/redis/connection.ts'
import { type RedisServer, startRedis } from '../support/redis.ts'
import { GenerationsRig } from '../support/redis-generations.ts'
import { describeRedis } from '../support/redis-suite.ts'
import { never } from '../support/sink-rig.ts'

/** More than fit a page. */
const KEYS = 1100
const POLLS = 400

/** Gets all keys again and again, each by itself, until it is stopped. */
class Poller {
  polls = 0
  #stopped = false
  readonly #seen = new Array<number>(KEYS).fill(0)
  readonly #done: Promise<void>

  constructor(server: RedisServer, isHash: boolean) {
    this.#done = this.#poll(server, isHash)
    this.#done.catch(() => {
      this.polls = Number.POSITIVE_INFINITY
    })
  }

  async #poll(server: RedisServer, isHash: boolean): Promise<void> {
    await using connection = await Connection.open(addressOf(server.url(1)), 'reader', never)
    const commands = this.#seen.map((_, id) =>
      isHash ? ['HGET', `public.items:${id}`, 'name'] : ['GET', `public.items:${id}`],
    )
    while (!this.#stopped) {
      const values = await connection.askAll(commands)
      values.forEach((value, id) => {
        assert.notEqual(value, null, `row ${id} is not there in poll ${this.polls}`)
        const version = Number(isHash ? value : (JSON.parse(String(value)) as { name: string }).name)
        assert.ok(version >= this.#seen[id]!, `row ${id} goes from version ${this.#seen[id]} to ${version}`)
        this.#seen[id] = version
      })
      this.polls++
    }
  }

  /** Rejects with what a reader should not have seen; answers the lowest version it saw last. */
  async stop(): Promise<number> {
    this.#stopped = true
    await this.#done
    return Math.min(...this.#seen)
  }
}

await describeRedis('readers of the redis sink', () => {
  let server: RedisServer
  beforeAll(async () => {
    server = await startRedis()
  })
  afterAll(() => server?.[Symbol.asyncDispose]())

  it.each(['json', 'hash'] as const)(
    'see every row at its newest through all swaps and recalls, as %s',
    async value => {
      await using rig = await GenerationsRig.begin(server, { value })
      let version = 0
      const change = (): void => rig.put(`${++version}`, 0, KEYS)
      change()
      await rig.catchUp()
      const poller = new Poller(server, value === 'hash')
      for (let round = 0; poller.polls < POLLS || round < 5; round++) {
        change()
        await rig.catchUp()
        change()
        await rig.catchUp('next')
        await rig.swap()
        change()
        await rig.catchUp()
        if (round % 2 === 0) {
          expect(await rig.recall()).toBe(true)
          change()
          await rig.catchUp('next')
          await rig.swap()
        } else await rig.drop('previous')
        // Not every change is read from the beginning again by a generation that is built anew.
        rig.batches.splice(1, rig.batches.length - 2)
        if (round > 200) throw new Error('the reader does not come to read')
      }
      expect(await poller.stop()).toBeGreaterThan(10)
    },
    180_000,
  )
})
