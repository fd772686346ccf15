import { mkdir, readdir, rmdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import { pino } from 'pino'
import duckdb from '../../../sinks/duckdb.ts'
import { queryFile } from '../../support/duckdb-client.ts'
import { DuckdbPlace } from '../../support/duckdb-place.ts'
import { tuple } from '../../support/scripted-log.ts'
import { items, never, sinkContext } from '../../support/sink-rig.ts'
import { until } from '../../support/until.ts'

const ROWS = 300

describe('the copy that the duckdb sink makes for readers', () => {
  let place: DuckdbPlace
  let copy: string
  beforeEach(async () => {
    place = await DuckdbPlace.make()
    copy = join(place.folder, 'readers', 'copy.duckdb')
    place.options = { snapshotTo: copy, snapshotEvery: '1ms' }
  })
  afterEach(() => place[Symbol.asyncDispose]())

  const inode = async (): Promise<number> => (await stat(copy).catch(() => undefined))?.ino ?? 0

  it('is made again and again while rows are written, each a state between two batches with its cursor', async () => {
    await place.announce(items)
    const cursors = new Map<string, string>()
    let version = 0
    let isDone = false
    const writing = (async () => {
      while (!isDone) {
        version++
        const batch = place.log.batch(writer => {
          for (let i = 0; i < ROWS; i++) writer.row('u', items, tuple([`${i}`, `${version}`, 'x'.repeat(200)]))
        })
        cursors.set(batch.cursor, `${version}`)
        await place.write(batch)
      }
    })()
    let last = 0
    const states: unknown[] = []
    try {
      for (let i = 0; i < 6; i++) {
        await until(async () => (await inode()) !== last, 'the copy is another one')
        last = await inode()
        const seen = await queryFile(
          copy,
          'SELECT (SELECT cursor FROM _tailrace.cursors) AS at, count(*) AS n, min(name) AS first, max(name) AS last FROM public.items',
        )
        states.push(...seen)
      }
    } finally {
      isDone = true
      await writing
    }
    const newest = version
    await place.close()
    for (const { at, n, first, last } of states as { at: string; n: string; first: string; last: string }[]) {
      if (n === '0') continue
      expect([n, first, last]).toEqual([String(ROWS), cursors.get(at), cursors.get(at)])
    }
    expect(await queryFile(copy, 'SELECT DISTINCT name FROM public.items')).toEqual([{ name: String(newest) }])
    expect(await readdir(join(place.folder, 'readers'))).toEqual(['copy.duckdb'])
  })

  it('holds the last state once the sink is closed, even if the time for a copy had not come', async () => {
    place.options = { snapshotTo: copy, snapshotEvery: '1h' }
    await place.announce(items)
    await until(async () => (await inode()) !== 0, 'there is a copy')
    await place.write(place.put(items, '1', 'last', null))
    await place.close()
    expect(await queryFile(copy, 'SELECT name FROM public.items')).toEqual([{ name: 'last' }])
  })

  it('is not made again while nothing changes', async () => {
    await place.announce(items)
    await until(async () => (await inode()) !== 0, 'there is a copy')
    await place.close()
    const before = await inode()
    await place.write(place.log.batch(() => {}))
    await place.close()
    expect(await inode()).toBe(before)
  })

  it('is missed aloud, and rows are written on, while it cannot be made', async () => {
    const lines: string[] = []
    place.context = sinkContext({ logger: pino({ level: 'error' }, { write: line => lines.push(line) }) })
    await mkdir(copy, { recursive: true })
    await place.announce(items)
    await until(() => lines.length > 0, 'the failure was logged')
    await place.write(place.put(items, '1', 'written', null))
    expect(lines[0]).toContain('copy of the database')
    await rmdir(copy)
    await place.close()
    expect(await queryFile(copy, 'SELECT name FROM public.items')).toEqual([{ name: 'written' }])
  })

  it('goes with the sink', async () => {
    await place.announce(items)
    await place.close()
    const options = duckdb.config.parse({ path: place.path, snapshotTo: copy })
    expect(await duckdb.destroy(options, sinkContext(), never)).toContain(`removed ${copy}`)
    expect(await inode()).toBe(0)
  })
})
