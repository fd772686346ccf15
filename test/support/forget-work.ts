import type { SourceLog } from '../../runtime/contract.ts'
import { errorCode } from '../../runtime/errors.ts'
import { keyText } from '../../runtime/record/key.ts'
import type { Random } from '../crash/random.ts'
import type { CrashWork } from './compaction-crash.ts'
import { ITEMS } from './indexed-log.ts'
import { settledKeys } from './keyed-units.ts'
import { never } from './log-life.ts'
import type { ModelSink } from './model-sink.ts'
import { tuple } from './records.ts'

/** Forgets rows that are gone, again and again, and compacts now and then. */
export class ForgetWork implements CrashWork {
  readonly #random: Random
  /** Of which the log has said that they are forgotten. */
  readonly #forgotten = new Set<string>()
  readonly runs = 4
  /** Changes that were removed, by calls that were answered. */
  removed = 0

  constructor(random: Random) {
    this.#random = random
  }

  /** Another one at each opening: history is kept, or not. */
  get retention(): { readonly keepHistoryMs: number } {
    return { keepHistoryMs: this.#random.chance(0.6) ? 2 ** 40 : -1000 }
  }

  async begin(log: SourceLog, sink: ModelSink): Promise<void> {
    for (const { name } of await log.readers.list()) if (name !== sink.name) await log.readers.remove(name)
    while (!(await sink.step(log, 20)));
    if (this.#random.chance(0.9)) await sink.save(log)
  }

  async run(log: SourceLog, state: ReadonlyMap<string, string>, unit: number): Promise<void> {
    if (this.#random.chance(0.2)) await log.compact!(never)
    const keys: string[] = []
    for (let key = Math.max(0, settledKeys(unit) - 20); key < settledKeys(unit); key++)
      if (!state.has(String(key)) && this.#random.chance(0.2)) keys.push(String(key))
    try {
      const rows = keys.map(key => ({ table: ITEMS, key: tuple(key).bytes }))
      const { removed } = await log.forget!(rows, never)
      this.removed += removed.reduce((sum, count) => sum + count, 0)
      for (const key of keys) this.#forgotten.add(key)
    } catch (error) {
      if (errorCode(error) !== 'FORGET_UNREAD') throw error
    }
  }

  async check(log: SourceLog): Promise<void> {
    const end = log.end()
    if (end === undefined) return
    for await (const batch of log.read('start', () => true, never)) {
      for (const { key, kind } of batch)
        if (kind !== 's' && kind !== 't' && this.#forgotten.has(keyText(key)))
          throw new Error(`row ${keyText(key)} was forgotten and is there`)
      if (log.compare(batch.cursor, end) !== 'before') return
    }
  }
}
