import { type LifeState, LiveOffsets } from '../compaction/live-offsets.ts'
import { Pace } from '../compaction/pace.ts'
import type { CompactedSet } from './compacted-set.ts'
import type { Incarnations } from './incarnations.ts'
import { blockKey, isGone, Prefix, prefixOf, rowOffset } from './layout.ts'
import type { Answers } from './messages.ts'
import { type PurgePlace, purge } from './purge.ts'
import type { Store } from './store.ts'

/** Entries that a walk asks for at a time. */
const PAGE = 500
/** The index has other work, and its thread the priority of all. */
const REST = 3

/**
 * Which offsets of the range hold the newest change of a live key, or its delete, as it all stands at the call; and the
 * lives of all tables. Takes about four seconds for each million keys, and holds nothing up.
 */
export async function liveOffsets(
  store: Store,
  incarnations: Incarnations,
  expiredTo: number,
  { from, to }: { readonly from: number; readonly to: number },
  isStopped: () => boolean,
): Promise<Answers['live']> {
  const lives = [...incarnations.all()]
  const states = lives.map((life): LifeState => {
    const { table, incarnation, floor } = life
    return { table, incarnation, floor, isNewest: incarnations.isNewest(life) }
  })
  const offsets = new LiveOffsets(from, to)
  const pace = new Pace(REST)
  for (const [i, { number }] of lives.entries()) {
    const { isNewest, floor } = states[i]!
    if (!isNewest) continue
    await using rows = store.entries(prefixOf(Prefix.row, number), prefixOf(Prefix.row, number + 1))
    for (let page = await rows.nextv(PAGE); page.length > 0 && !isStopped(); page = await rows.nextv(PAGE)) {
      for (const [, value] of page) {
        const offset = rowOffset(value)
        if (offset >= floor && !isGone(value[0]!, offset, expiredTo)) offsets.add(offset)
      }
      await pace.rest()
    }
  }
  return { bits: offsets.bits, lives: states }
}

/**
 * Removes the rows of lives that ended, those below a truncate, the deletes that the log does not hold any more, and the
 * places of what was compacted: nothing of their keys stays in the index's files. Answers how many rows that were.
 */
export async function cleanRows(
  incarnations: Incarnations,
  { placesFrom, expiredTo }: CompactedSet,
  place: PurgePlace,
  isStopped: () => boolean,
): Promise<number> {
  const { store } = place
  let removed = 0
  const pace = new Pace(REST)
  for (const life of [...incarnations.all()]) {
    await using rows = store.entries(prefixOf(Prefix.row, life.number), prefixOf(Prefix.row, life.number + 1))
    const isDead = (value: Buffer): boolean => {
      const offset = rowOffset(value)
      return !incarnations.isNewest(life) || offset < life.floor || isGone(value[0]!, offset, expiredTo)
    }
    for (let page = await rows.nextv(PAGE); page.length > 0 && !isStopped(); page = await rows.nextv(PAGE)) {
      await pace.rest()
      const dead = page.filter(([, value]) => isDead(value)).map(([key]) => key)
      if (dead.length === 0) continue
      await place.inTurn(async () => {
        const batch = store.batch()
        for (const key of dead) {
          const now = store.get(key)
          if (now === undefined || !isDead(now)) continue
          batch.del(key)
          removed++
        }
        await store.write(batch)
      })
    }
  }
  await store.clear(prefixOf(Prefix.block), blockKey(placesFrom))
  if (removed > 0 && !isStopped()) await purge(place)
  return removed
}
