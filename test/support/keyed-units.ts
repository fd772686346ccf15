import type { Batch, SourceLog } from '../../runtime/contract.ts'
import { BatchWriter } from '../../runtime/record/writer.ts'
import type { Random } from '../crash/random.ts'
import { ITEMS } from './indexed-log.ts'
import type { ModelSink } from './model-sink.ts'
import { transaction, tuple } from './records.ts'

/** Keys that change at a time. Later others do, and what became of these stays so. */
const KEYS = 6
const UNITS_A_KEY = 4

/** Keys below this one do not change any more behind the unit of this number. */
export function settledKeys(unit: number): number {
  return Math.floor(unit / UNITS_A_KEY)
}

/** Of a log that goes on. */
export function itemWriter(log: SourceLog): BatchWriter {
  const writer = new BatchWriter([...log.tables().values()])
  if (!log.tables().has(ITEMS.id)) writer.announce(ITEMS)
  return writer
}

/** A unit of this number with some changes, also of keys, which `state` has on return: text by key. */
export function keyedUnit(writer: BatchWriter, random: Random, unit: number, state: Map<string, string>): Batch {
  return transaction(writer, String(unit), rows => {
    if (random.chance(0.03)) {
      rows.truncate(ITEMS)
      state.clear()
    }
    for (let i = random.between(1, 4); i > 0; i--) {
      const key = String(settledKeys(unit) + random.between(0, KEYS))
      if (state.has(key) && random.chance(0.5)) {
        state.delete(key)
        rows.delete(ITEMS, tuple(key, null), false)
      } else if (state.has(key) && random.chance(0.2)) {
        const to = String(settledKeys(unit) + random.between(0, KEYS))
        if (state.has(to)) continue
        rows.delete(ITEMS, tuple(key, null), false, tuple(to).bytes)
        rows.row('u', ITEMS, tuple(to, `${unit}`), undefined, tuple(key).bytes)
        state.delete(key)
        state.set(to, `${unit}`)
      } else {
        rows.row(state.has(key) ? 'u' : 'c', ITEMS, tuple(key, `${unit}`))
        state.set(key, `${unit}`)
      }
    }
  })
}

/** Reads all of the log into the sink and holds it against what it must be. */
export async function expectState(
  log: SourceLog,
  sink: ModelSink,
  expected: ReadonlyMap<string, string>,
): Promise<void> {
  for (let i = 0; !(await sink.step(log, 10)); i++) if (i > 10_000) throw new Error(`sink ${sink.name} does not end`)
  sink.stop()
  const wanted = JSON.stringify([...expected].sort())
  const found = JSON.stringify([...sink.rows].sort())
  if (found !== wanted) throw new Error(`sink ${sink.name} has ${found} instead of ${wanted}`)
}
