import type { LogBatch, LoggedChange } from '../../runtime/contract.ts'
import { KeyPlaces } from '../../runtime/record/key-places.ts'
import { isRowChange } from '../../runtime/record/row-change.ts'

/** The round of a change that makes no difference. */
export const NOTHING = -1

/**
 * In which round each change of a batch is applied, in the order of its iteration. Within a round no key occurs twice;
 * of a key's changes those before its last whole one make no difference. A row that lacks cells, or the mark on a
 * deleted one, stands on what was there before: it comes a round later.
 */
export function roundsOf(
  batch: LogBatch,
  skip: ReadonlySet<number> | undefined,
  onDelete: 'delete' | 'mark' | 'ignore',
): Int32Array {
  const rounds = new Int32Array(batch.count).fill(NOTHING)
  /** Of each change: the one of its key that it stands on. */
  const below = new Int32Array(batch.count).fill(NOTHING)
  const places = new KeyPlaces(batch.count)
  let next = 0
  for (const change of batch) {
    const place = next++
    if (skip?.has(place) === true || !hasEffect(change, onDelete)) continue
    rounds[place] = 0
    const { key } = change
    if (key.length === 0) continue
    const former = places.move(change.table, key, place)
    if (former === NOTHING) continue
    if (change.kind === 'd' ? onDelete !== 'mark' : change.complete)
      for (let each = former; each !== NOTHING; each = below[each]!) rounds[each] = NOTHING
    else {
      below[place] = former
      rounds[place] = rounds[former]! + 1
    }
  }
  return rounds
}

function hasEffect(change: LoggedChange, onDelete: 'delete' | 'mark' | 'ignore'): boolean {
  if (!isRowChange(change)) return false
  // The old key of a moved row is not a deleted row: it is gone whatever becomes of deletes.
  return change.kind !== 'd' || onDelete !== 'ignore' || change.moved !== undefined
}
