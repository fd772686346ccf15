import { sleep } from '../abort.ts'
import type { DemoClient, DemoDatabase } from './database.ts'
import type { ShopSize } from './shop.ts'

const PAUSE_MS = 2

/** Customers at work in the shop: many small transactions on two connections, until stopped. */
export class Traffic {
  readonly #database: DemoDatabase
  readonly #stop = new AbortController()
  readonly #workers: readonly Promise<void>[]
  /** Transactions committed, and of these the ones that changed a row. */
  committed = 0
  changing = 0
  /** Rolled back on purpose. */
  rolledBack = 0

  /** `onFailure` is told the error of a worker, which then has ended. */
  constructor(database: DemoDatabase, url: string, size: ShopSize, onFailure: (error: unknown) => void) {
    this.#database = database
    this.#workers = [1, 2].map(worker => this.#work(url, size, worker).catch(onFailure))
  }

  /** Returns when the last transaction has ended. */
  async stop(): Promise<void> {
    this.#stop.abort()
    await Promise.all(this.#workers)
  }

  async #work(url: string, size: ShopSize, worker: number): Promise<void> {
    const client = await this.#database.connect(url, `demo traffic ${worker}`)
    try {
      for (let i = worker; !this.#stop.signal.aborted; i += 2) {
        await this.#transaction(client, size, i)
        await sleep(PAUSE_MS, this.#stop.signal).catch(() => {})
      }
    } finally {
      await client.end()
    }
  }

  async #transaction(client: DemoClient, size: ShopSize, i: number): Promise<void> {
    const rollback = i % 23 === 0
    let changed = 0
    await client.query('begin')
    for (const [text, values] of this.#database.act(i, size)) changed += (await client.query(text, values)).changed
    await client.query(rollback ? 'rollback' : 'commit')
    if (rollback) this.rolledBack++
    else this.committed++
    if (!rollback && changed > 0) this.changing++
  }
}
