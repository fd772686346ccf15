import { DatabaseSync } from 'node:sqlite'
import { afterAll, describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import type { LogicalType } from '../../../runtime/contract.ts'
import { floatText } from '../../../runtime/record/text.ts'
import { converterOf, storageOf, textOfValue } from '../../../sinks/sqlite/values.ts'
import { column } from '../../support/scripted-log.ts'

describe('values in SQLite', () => {
  const database = new DatabaseSync(':memory:')
  afterAll(() => database.close())
  /** Through a column as the sink makes it: what is read, and how it was stored. */
  const roundTrip = (type: LogicalType, text: string): { text: string | null; stored: string } => {
    const of = column('c', type)
    const storage = storageOf(of)
    database.exec(`CREATE TEMP TABLE t (c ${storage}) STRICT`)
    database.prepare('INSERT INTO t VALUES (?)').run(converterOf(of, storage)?.(text) ?? text)
    const select = database.prepare('SELECT c, typeof(c) AS stored FROM t')
    select.setReadBigInts(true)
    const row = select.get()!
    database.exec('DROP TABLE t')
    return { text: textOfValue(of, row.c!), stored: String(row.stored) }
  }

  it.each([
    ['float64', '1e+15'],
    ['float64', '999999999999999.9'],
    ['float64', '1.5e-07'],
    ['float64', '0.0001'],
    ['float64', '1.7976931348623157e+308'],
    ['float64', '5e-324'],
    ['float64', '-0.1'],
    ['float32', '1e+06'],
    ['float32', '123456.7'],
    ['float32', '3.4028235e+38'],
    ['float32', '1.17549435e-38'],
    ['float64', 'Infinity'],
  ] as const)('keep %s %s as a number', (kind, text) => {
    expect(roundTrip({ kind }, text)).toEqual({ text, stored: 'real' })
  })

  it.each([
    ['float64', 'NaN'],
    ['float64', '1e15'],
    ['float64', '1.50'],
    ['float64', '1000000000000000'],
    ['float64', '0.1000000000000000055511151231257827'],
    ['uint64', '18446744073709551615'],
  ] as const)('keep %s %s as text', (kind, text) => {
    expect(roundTrip({ kind }, text)).toEqual({ text, stored: 'text' })
  })

  it('keep every integer of 64 bits as an integer', () => {
    const any64 = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })
    fc.assert(
      fc.property(any64, value => {
        for (const kind of ['int64', 'uint64'] as const)
          expect(roundTrip({ kind }, String(value))).toEqual({ text: String(value), stored: 'integer' })
      }),
    )
  })

  it('keep every float as the text it was, whatever its form', () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true }), fc.boolean(), (value, asPostgres) => {
        const text = asPostgres ? floatText('float64', value) : value.toExponential(20)
        expect(roundTrip({ kind: 'float64' }, text).text).toBe(text)
        expect(Number(floatText('float64', value))).toBe(value)
      }),
    )
  })
})
