import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import type { LogicalType } from '../../../runtime/contract.ts'
import { keyFromTexts } from '../../../runtime/record/key.ts'
import { floatText } from '../../../runtime/record/text.ts'
import { Database } from '../../../sinks/duckdb-file/database.ts'
import { shownOf } from '../../../sinks/duckdb-file/shown.ts'
import { storageOf } from '../../../sinks/duckdb-file/storage.ts'
import { DuckdbPlace } from '../../support/duckdb-place.ts'
import { column, table } from '../../support/scripted-log.ts'
import { rowsIn } from '../../support/sink-driver.ts'
import { never } from '../../support/sink-rig.ts'

describe('rows read back from DuckDB', () => {
  let place: DuckdbPlace
  beforeEach(async () => {
    place = await DuckdbPlace.make()
  })
  afterEach(() => place[Symbol.asyncDispose]())

  it('come one by one where so many of them as DuckDB reads at a time do not fit its memory', async () => {
    const wide = table(1, 'public.wide', [column('id', 'int64'), column('body', 'text')])
    const body = (id: number): string => `${id} `.repeat(1_000_000)
    const ids = Array.from({ length: 25 }, (_, i) => i + 10)
    await place.announce(wide)
    for (const id of ids) await place.write(place.put(wide, `${id}`, body(id)))
    await place.close()
    place.options = { memory: '64MB' }
    const sink = await place.sink()
    const found = await sink.get!(
      wide,
      ids.map(id => keyFromTexts([`${id}`])),
      never,
    )
    expect(found.map(row => row?.cells.get('body') === body(Number(row?.cells.get('id'))))).toEqual(ids.map(() => true))
    const rows = await rowsIn(sink, wide)
    expect([...rows.values()].map(row => row.id).sort()).toEqual(ids.map(String))
    expect([...rows.values()].filter(row => row.body !== body(Number(row.id)))).toEqual([])
  })

  it('are never fewer than there are without an error: DuckDB ends a failing stream without a word', async () => {
    await using database = await Database.open(place.path, { memory: 100_000_000, threads: 1 })
    using reader = await database.reader(never)
    const sql = `SELECT CASE WHEN i = 150000 THEN error('made by the test') ELSE i END FROM range(200000) t(i)`
    let rows = 0
    const walk = async (): Promise<void> => {
      for await (const chunk of reader.walk(sql, 'SELECT 200000')) rows += [...chunk].length
    }
    await expect(walk()).rejects.toMatchObject({ code: 'SINK_MEMORY' })
    expect(rows).toBeGreaterThan(0)
  })

  it('are not those of a history', async () => {
    place.options = { mode: 'changes' }
    const sink = await place.sink()
    expect([sink.get, sink.rows]).toEqual([undefined, undefined])
  })

  it('have the text that `shown` says, however the value was written', async () => {
    const list = (element: LogicalType): LogicalType => ({ kind: 'array', element })
    const cases: [LogicalType, string, string][] = [
      [{ kind: 'boolean' }, 'true', 't'],
      [{ kind: 'int64' }, '007', '7'],
      [{ kind: 'float64' }, '1e5', '100000'],
      [{ kind: 'float64' }, '1.50', '1.5'],
      [{ kind: 'float64' }, '1000000000000000', '1e+15'],
      [{ kind: 'float32' }, '16777216', '1.6777216e+07'],
      [{ kind: 'decimal', precision: 8, scale: 2 }, '1.5', '1.50'],
      [{ kind: 'decimal', precision: 8, scale: 2 }, '-0', '0.00'],
      [{ kind: 'decimal', precision: 8, scale: 2 }, '-.5', '-0.50'],
      [{ kind: 'decimal', precision: 30, scale: 0 }, '0012', '12'],
      [{ kind: 'timestamp' }, '2024-02-29T12:00:00.500', '2024-02-29 12:00:00.5'],
      [{ kind: 'timestamptz' }, '2024-02-29 12:00:00+05:30', '2024-02-29 06:30:00+00'],
      [{ kind: 'interval' }, 'P0Y14M', 'P1Y2M'],
      [{ kind: 'uuid' }, 'a0eebc999c0b4ef8bb6d6bb9bd380a11', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'],
      [{ kind: 'bytes' }, 'plain', '\\x706c61696e'],
      [list({ kind: 'text' }), '{"a","b c"}', '{a,"b c"}'],
      [list({ kind: 'float64' }), '{-0,1.0}', '{0,1}'],
    ]
    const of = table(2, 'public.forms', [column('id', 'int64'), ...cases.map(([type], i) => column(`c${i}`, type))])
    await place.announce(of)
    await place.write(place.put(of, '1', ...cases.map(([, text]) => text)))
    const [row] = await (await place.sink()).get!(of, [keyFromTexts(['1'])], never)
    for (const [i, [type, text, shown]] of cases.entries()) {
      expect([type, row?.cells.get(`c${i}`)]).toEqual([type, shown])
      const show = shownOf(of.columns[i + 1]!, storageOf(of.columns[i + 1]!, false))!
      expect([type, show(text), show(shown)]).toEqual([type, shown, shown])
    }
  })

  it('keep floats apart that differ', () => {
    const show = shownOf(column('v', { kind: 'float64' }), { kind: 'float64' })!
    fc.assert(
      fc.property(fc.double({ noNaN: true }), value => {
        const text = floatText('float64', value)
        expect(show(text)).toBe(text)
        expect(Object.is(Number(text), value)).toBe(true)
      }),
      { numRuns: 2000 },
    )
  })
})
