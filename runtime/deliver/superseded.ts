import type { LogBatch } from '../contract.ts'
import { KeyPlaces } from '../record/key-places.ts'
import type { Delivery } from './delivery.ts'

/** Changes that a later, whole change of the same key in the batch makes needless. */
export function superseded({ coalesce, reads, deletes }: Delivery, batch: LogBatch): ReadonlySet<number> | undefined {
  if (!coalesce || reads === 'history' || batch.count < 2) return undefined
  const places = new KeyPlaces(batch.count)
  let skip: Set<number> | undefined
  let index = 0
  for (const change of batch) {
    const place = index++
    const { key } = change
    if (key.length === 0) continue
    const former = places.move(change.table, key, place)
    if (former === -1 || !(change.kind === 'd' ? deletes : change.complete)) continue
    skip ??= new Set()
    skip.add(former)
  }
  return skip
}
