import { stat } from 'node:fs/promises'
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import type { LogBatch } from '../../../runtime/contract.ts'
import { keyFromTexts } from '../../../runtime/record/key.ts'
import { VACUUMED_ROWS } from '../../../sinks/duckdb-file/database.ts'
import { DuckdbPlace } from '../../support/duckdb-place.ts'
import { column, table, tuple } from '../../support/scripted-log.ts'
import { sinkContext } from '../../support/sink-rig.ts'

const LARGE = 17 * 2 ** 20
const tags = column('tags', { kind: 'array', element: { kind: 'text' } }, 'text[]')
const wide = table(7, 'public.wide', [tags, column('id', 'int64'), column('body', 'text')], { key: [1] })

const large = (letter: string): string => letter.repeat(LARGE)

describe('large values in the duckdb sink', () => {
  let place: DuckdbPlace
  beforeEach(async () => {
    place = await DuckdbPlace.make()
  })
  afterEach(() => place[Symbol.asyncDispose]())

  const put = (...rows: [id: string, body: string][]): Promise<LogBatch> =>
    place.write(
      place.log.batch(writer => {
        for (const [id, body] of rows) writer.row('u', wide, tuple([`{t${id},${body[0]}}`, id, body]))
      }),
    )

  it('take the place of rows that are there, marked ones too, and stand in new ones, and in both at once', async () => {
    place.context = sinkContext({ onDelete: 'mark' })
    await place.announce(wide)
    await put(['1', 'small'], ['2', 'little'])
    await place.write(place.log.batch(writer => writer.deleteKey(wide, keyFromTexts(['2']))))
    await put(['1', large('a')], ['3', 'tiny'])
    await put(['2', large('b')])
    await put(['4', large('c')])
    await put(['4', large('d')])
    const rows = await place.query(
      'SELECT id, tags::VARCHAR AS tags, left(body, 2) AS body, length(body) AS size, _deleted FROM public.wide ORDER BY id',
    )
    const size = String(LARGE)
    expect(rows).toEqual([
      { id: '1', tags: '[t1, a]', body: 'aa', size, _deleted: false },
      { id: '2', tags: '[t2, b]', body: 'bb', size, _deleted: false },
      { id: '3', tags: '[t3, t]', body: 'ti', size: '4', _deleted: false },
      { id: '4', tags: '[t4, d]', body: 'dd', size, _deleted: false },
    ])
  })

  it('leave the file once they are replaced, and each key is there once', async () => {
    await place.announce(wide)
    const incompressible = (seed: number): string => {
      let [state, text] = [seed, '']
      while (text.length < LARGE) {
        state = (Math.imul(state, 1103515245) + 12345) >>> 0
        text += state.toString(36)
      }
      return text.slice(0, LARGE)
    }
    await put(['1', 'small'], ['2', 'little'])
    const sizes: number[] = []
    for (let seed = 1; seed <= 6; seed++) {
      await put(['1', incompressible(seed)])
      sizes.push((await stat(place.path)).size)
    }
    // What was replaced stays until the next one is written.
    expect(Math.max(...sizes)).toBeLessThan(3 * sizes[0]!)
    await put(['1', 'small again'], ['2', 'little'])
    expect(await place.query('SELECT id, body FROM public.wide ORDER BY id')).toEqual([
      { id: '1', body: 'small again' },
      { id: '2', body: 'little' },
    ])
  })

  it('leave alone what a column holds that the source no longer has', async () => {
    const narrower = table(7, 'public.wide', wide.columns.slice(1), { key: [0], version: 2 })
    await place.announce(wide)
    await put(['1', 'small'])
    await place.write(
      place.log.batch(writer => {
        writer.announce(narrower)
        writer.row('u', narrower, tuple(['1', large('a')]))
      }),
    )
    expect(await place.query('SELECT id, tags::VARCHAR AS tags, length(body) AS size FROM public.wide')).toEqual([
      { id: '1', tags: '[t1, s]', size: String(LARGE) },
    ])
  })

  it('are changed in place where the table is too large to be rid of what was deleted', async () => {
    await place.announce(wide)
    await place.write(
      place.log.batch(writer => {
        for (let id = 0; id <= VACUUMED_ROWS; id++) writer.row('c', wide, tuple(['{}', String(id), 'small']))
      }),
    )
    await put(['5', large('a')], ['-1', 'new'])
    await put(['5', large('b')])
    expect(
      await place.query(
        "SELECT count(*) AS n, sum(length(body)) AS size, count(*) FILTER (left(body, 1) = 'b') AS b FROM public.wide",
      ),
    ).toEqual([{ n: String(VACUUMED_ROWS + 2), size: String(VACUUMED_ROWS * 5 + 3 + LARGE), b: '1' }])
  })
})
