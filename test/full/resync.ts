/**
 * A slot that was dropped while the pipeline was stopped, with 1 M rows: 10,000 changed, 1,000 deleted, 1,000 new. On the
 * command exactly those keys are appended, and a reader that looks every 10 ms never misses a row. `--rows N` for another
 * table, `--seed N` repeats a run.
 */
import { seedFrom } from '../crash/random.ts'
import { startPostgres } from '../support/postgres.ts'
import { ResyncRig } from '../support/resync-rig.ts'
import type { FullRun } from '../support/run-full.ts'

const ROWS = 1_000_000

const run: FullRun = async args => {
  const seed = seedFrom(args)
  console.log(`seed: ${seed}`)
  const at = args.indexOf('--rows')
  const rows = at === -1 ? ROWS : Number(args[at + 1])
  const difference = { changed: rows / 100, deleted: rows / 1000, added: rows / 1000 }
  const expected = difference.changed + difference.deleted + difference.added
  await using server = await startPostgres()
  const began = performance.now()
  await using rig = await ResyncRig.open(server, rows)
  const loaded = performance.now()
  await rig.sql(`SELECT pg_drop_replication_slot('${rig.slot}')`)
  await rig.differ(difference, seed)
  const error = await rig.failure()
  if (error?.code !== 'SLOT_LOST') throw new Error(`the source stopped with ${error?.code}`)
  const begun = performance.now()
  const { appended, keys, missed, polls } = await rig.resync()
  const ended = performance.now()
  const { source, sink } = await rig.sides()
  const isEqual = source.length === sink.length && source.every((line, i) => line === sink[i])
  if (!isEqual) throw new Error('source and sink differ')
  if (missed > 0) throw new Error(`the sink lacked ${missed} rows at a time`)
  const changes = Object.values(appended).reduce((sum, count) => sum + count, 0)
  if (keys !== expected || changes !== expected)
    throw new Error(`${changes} changes of ${keys} keys were appended, not ${expected}: ${JSON.stringify(appended)}`)
  return {
    seed,
    rows,
    'keys appended': keys,
    'kinds appended': JSON.stringify(appended),
    'first load, s': Math.round((loaded - began) / 1000),
    'resync, s': Math.round((ended - begun) / 100) / 10,
    'looks at the sink': polls,
  }
}

export default run
