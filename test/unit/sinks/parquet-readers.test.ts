import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import { filesOf, queryMemory } from '../../support/parquet-files.ts'
import { ParquetPlace } from '../../support/parquet-place.ts'
import { tuple } from '../../support/scripted-log.ts'
import { items } from '../../support/sink-rig.ts'

const BATCHES = 150
const ROWS = 40

describe.each(['changes', 'rows'] as const)('a reader that polls the manifest while sets are made, mode: %s', mode => {
  let place: ParquetPlace
  beforeEach(async () => {
    place = await ParquetPlace.make()
    place.options = { mode, file: { rows: 100, wait: '5ms' }, snapshotEvery: '5ms', keepReplaced: '1m' }
  })
  afterEach(() => place[Symbol.asyncDispose]())

  it('sees whole batches only, and never fewer rows than before', async () => {
    await place.announce(items)
    const done = new AbortController()
    let sets = 0
    const reading = (async () => {
      let [before, sequence] = [0, 0]
      while (!done.signal.aborted) {
        const manifest = await place.manifest()
        const from = filesOf(manifest, place.folder, items.name)
        if (from !== undefined && manifest.sequence > sequence) {
          sets++
          sequence = manifest.sequence
          const [row] = await queryMemory(
            `SELECT count(*) AS rows, count(DISTINCT id) AS ids, count(DISTINCT note) AS batches FROM ${from}`,
          )
          const rows = Number(row!.rows)
          expect([rows, Number(row!.ids)]).toEqual([Number(row!.batches) * ROWS, rows])
          expect(rows).toBeGreaterThanOrEqual(before)
          before = rows
        }
        await sleep(1)
      }
    })()
    try {
      for (let i = 0; i < BATCHES; i++) {
        await place.write(
          place.log.batch(writer => {
            for (let row = 0; row < ROWS; row++)
              writer.row('c', items, tuple([`${i * ROWS + row}`, 'name '.repeat(20), `batch ${i}`]))
          }),
        )
        await sleep(2)
      }
    } finally {
      done.abort()
      await reading
    }
    expect(sets).toBeGreaterThan(3)
    expect(await place.query(items, 'SELECT count(*) AS rows FROM t')).toEqual([{ rows: String(BATCHES * ROWS) }])
  })
})
