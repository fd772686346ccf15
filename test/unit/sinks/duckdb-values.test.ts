import { type DuckDBConnection, DuckDBInstance, type DuckDBValue } from '@duckdb/node-api'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import type { LogicalType } from '../../../runtime/contract.ts'
import { encodeCells } from '../../../runtime/record/cells.ts'
import { CellTag } from '../../../runtime/record/layout.ts'
import { loadDriver } from '../../../sinks/duckdb-file/driver.ts'
import { Feed } from '../../../sinks/duckdb-file/feed.ts'
import { RowSet } from '../../../sinks/duckdb-file/row-set.ts'
import { type Storage, sqlType, storageOf } from '../../../sinks/duckdb-file/storage.ts'
import { exactly, textOf } from '../../../sinks/duckdb-file/text.ts'
import { column } from '../../support/scripted-log.ts'

const timestamp: LogicalType = { kind: 'timestamp' }
const list = (element: LogicalType): LogicalType => ({ kind: 'array', element })
const decimal = (precision: number, scale: number): LogicalType => ({ kind: 'decimal', precision, scale })

describe('values in DuckDB', () => {
  let connection: DuckDBConnection
  let feed: Feed
  beforeAll(async () => {
    connection = await (await DuckDBInstance.create(':memory:')).connect()
    feed = new Feed(await loadDriver(), connection)
  })
  afterAll(() => connection.closeSync())

  const storage = (type: LogicalType): Storage =>
    storageOf(column('v', type, type.kind === 'time' ? 'time without time zone' : undefined), false)

  /** The values as a column of the type: whether each is held, and the rows that a query over them answers. */
  async function through(of: Storage, texts: readonly (string | null)[], select: string) {
    const rows = new RowSet([of])
    const held = texts.map(text => {
      const isHeld = rows.putText(0, text)
      rows.endRow()
      return isHeld
    })
    const answer = held.includes(false)
      ? []
      : await feed.run(rows, async from => (await connection.run(`SELECT ${select} FROM ${from}`)).getRows())
    return { held, answer }
  }

  async function back(type: LogicalType, texts: readonly (string | null)[]): Promise<(string | null)[]> {
    const of = storage(type)
    const { held, answer } = await through(of, texts, exactly(of, 'c0'))
    expect(held).not.toContain(false)
    return answer.map(([value]) => textOf(column('v', type), of, value as DuckDBValue))
  }

  const cases: [LogicalType, string, string[]][] = [
    [{ kind: 'boolean' }, 'BOOLEAN', ['t', 'f']],
    [{ kind: 'int16' }, 'SMALLINT', ['-32768', '32767', '0']],
    [{ kind: 'int32' }, 'INTEGER', ['-2147483648', '2147483647', '-1']],
    [{ kind: 'int64' }, 'BIGINT', ['-9223372036854775808', '9223372036854775807', '9007199254740993', '-1', '42']],
    [{ kind: 'uint64' }, 'UBIGINT', ['18446744073709551615', '9223372036854775808', '0']],
    [
      { kind: 'float64' },
      'DOUBLE',
      ['NaN', 'Infinity', '-Infinity', '-0', '0.1', '5e-324', '1e+15', '1.7976931348623157e+308'],
    ],
    [
      { kind: 'float32' },
      'FLOAT',
      ['NaN', '-Infinity', '-0', '0.1', '3.4028235e+38', '1e-45', '1.1754944e-38', '1.6777216e+07', '1e+06'],
    ],
    [decimal(4, 1), 'DECIMAL(4,1)', ['-999.9', '0.0', '999.9', '0.5']],
    [decimal(9, 0), 'DECIMAL(9,0)', ['-999999999', '7']],
    [decimal(18, 6), 'DECIMAL(18,6)', ['-999999999999.999999', '0.000001', '12.500000']],
    [decimal(38, 10), 'DECIMAL(38,10)', ['-9999999999999999999999999999.9999999999', '0.0000000001', '-1.0000000000']],
    [decimal(5, -2), 'DECIMAL(7,0)', ['1234500', '-100']],
    [decimal(2, 5), 'DECIMAL(5,5)', ['0.00012', '-0.00099']],
    [{ kind: 'decimal' }, 'VARCHAR', [`${'9'.repeat(1000)}.5`, 'NaN', '-Infinity', '1e5']],
    [decimal(39, 2), 'VARCHAR', ['1234567890123456789012345678901234567.89']],
    [
      { kind: 'text' },
      'VARCHAR',
      ['', '\u{feff}a', '🌊 "x"\n', 'a\u0000b', 'x'.repeat(12), 'x'.repeat(13), 'é'.repeat(5000), 'ü'.repeat(40_000)],
    ],
    [{ kind: 'bytes' }, 'BLOB', ['\\x', '\\x00ff', `\\x${'ab'.repeat(300)}`, `\\x${'cd'.repeat(70_000)}`]],
    [
      { kind: 'uuid' },
      'UUID',
      [
        '00000000-0000-0000-0000-000000000000',
        'ffffffff-ffff-ffff-ffff-ffffffffffff',
        '7f8b8f0c-61b5-4a1c-8f5c-9f1f0f2d3c4b',
      ],
    ],
    [{ kind: 'json' }, 'JSON', ['{"a": 1.0, "a": 2}', 'null', '[]', '"\u{feff}"']],
    [
      { kind: 'date' },
      'DATE',
      [
        'infinity',
        '-infinity',
        '4713-01-01 BC',
        '0001-12-31 BC',
        '0001-01-01',
        '1970-01-01',
        '2024-02-29',
        '9999-12-31',
        '5874897-12-31',
      ],
    ],
    [{ kind: 'time' }, 'TIME', ['00:00:00', '24:00:00', '23:59:59.999999', '12:00:00.5']],
    [
      timestamp,
      'TIMESTAMP',
      [
        'infinity',
        '-infinity',
        '4713-11-24 00:00:00 BC',
        '1969-12-31 23:59:59.999999',
        '2024-02-29 12:34:56.7',
        '294246-12-31 23:59:59.999999',
        '1900-02-28 00:00:00',
        '2100-03-01 00:00:00',
      ],
    ],
    [
      { kind: 'timestamptz' },
      'TIMESTAMPTZ',
      ['infinity', '0001-01-01 00:00:00+00 BC', '2024-02-29 12:34:56.789+00', '1883-11-18 12:03:58+00'],
    ],
    [
      { kind: 'interval' },
      'INTERVAL',
      [
        'PT0S',
        'P1Y2M3DT4H5M6.789S',
        'P-1Y-2M3DT-4H-5M-6.5S',
        'P-178000000Y',
        'PT-0.000001S',
        'PT2562047788H54.775807S',
        'P3D',
        'PT-1M',
      ],
    ],
    [{ kind: 'enum', labels: ['a', 'b'] }, 'VARCHAR', ['a', 'b']],
    [{ kind: 'bits' }, 'VARCHAR', ['', '0101']],
    [{ kind: 'timetz' }, 'VARCHAR', ['12:00:00+05:30']],
    [list({ kind: 'int64' }), 'BIGINT[]', ['{}', '{1,NULL,-9223372036854775808}', '{NULL}']],
    [
      list({ kind: 'text' }),
      'VARCHAR[]',
      ['{}', '{a,"b c",NULL,"NULL","","\\"\\\\{}"}', '{\u{feff}x}', `{${'y'.repeat(4000)}}`],
    ],
    [list(decimal(10, 2)), 'DECIMAL(10,2)[]', ['{1.00,-2.50}']],
    [list({ kind: 'timestamptz' }), 'TIMESTAMPTZ[]', ['{"2024-02-29 12:00:00+00",infinity}']],
    [list({ kind: 'boolean' }), 'BOOLEAN[]', ['{t,f,NULL}']],
  ]

  it.each(cases)('%j is %s, and every value comes back as it was printed', async (type, sql, texts) => {
    expect(sqlType(storage(type))).toBe(sql)
    const withNulls = texts.flatMap(text => [text, null])
    expect(await back(type, withNulls)).toEqual(withNulls)
  })

  it.each<[LogicalType, string[]]>([
    [{ kind: 'boolean' }, ['2', 'yes', '']],
    [{ kind: 'int16' }, ['32768', '-32769', '1.5', '', 'x', '99999999999999999999']],
    [{ kind: 'int64' }, ['9223372036854775808', '-9223372036854775809', '--1', ' 1']],
    [{ kind: 'uint64' }, ['-1', '18446744073709551616']],
    [{ kind: 'float64' }, ['', 'one', '0x10', 'inf']],
    [decimal(4, 1), ['1000.0', '9999.9', '0.05', 'NaN', 'Infinity', '', '.', '-', '1e3']],
    [decimal(38, 0), [`1${'0'.repeat(38)}`, '0.5']],
    [{ kind: 'date' }, ['0000-00-00', '2024-00-10', '2023-02-29', '2024-2-1', '']],
    [{ kind: 'time' }, ['24:00:01', '-01:00:00', '838:59:59', '12:60:00']],
    [
      timestamp,
      ['294276-12-31 23:59:59', '0000-00-00 00:00:00', '2024-01-01', '2024-01-01 25:00:00', '2024-13-01 00:00:00'],
    ],
    [{ kind: 'interval' }, ['infinity', 'P', '1 day', 'PT', 'P1W']],
    [{ kind: 'uuid' }, ['', 'x', '7f8b8f0c-61b5-4a1c-8f5c-9f1f0f2d3c4']],
    [list({ kind: 'int32' }), ['{{1,2},{3,4}}', '[0:1]={1,2}', '{1,x}', '1']],
  ])('%j refuses what it cannot hold, and bends nothing', async (type, texts) => {
    const { held } = await through(storage(type), texts, 'c0')
    expect(texts.filter((_, i) => held[i])).toEqual([])
  })

  it('says the same of dates, times and numbers as DuckDB itself', async () => {
    const day = fc.integer({ min: -700_000, max: 2_900_000 }).map(days => new Date(days * 86_400_000).toISOString())
    const iso = fc
      .sample(
        day.filter(text => /^[0-2]/.test(text)),
        300,
      )
      .map(text => text.slice(0, 10))
    const micros = fc.sample(fc.integer({ min: 0, max: 86_399_999_999 }), 300)
    const times = micros.map(value => {
      const seconds = Math.floor(value / 1e6)
      const clock = [seconds / 3600, (seconds / 60) % 60, seconds % 60].map(part =>
        String(Math.floor(part)).padStart(2, '0'),
      )
      return `${clock.join(':')}.${String(value % 1e6).padStart(6, '0')}`
    })
    const stamps = iso.map((date, i) => `${date} ${times[i]}`)
    for (const [type, texts] of [
      [{ kind: 'date' }, iso],
      [{ kind: 'time' }, times],
      [timestamp, stamps],
      [{ kind: 'timestamptz' }, stamps.map(text => `${text}+05:30`)],
      [
        decimal(38, 6),
        fc.sample(fc.bigInt({ min: -(10n ** 31n), max: 10n ** 31n }), 300).map(value => `${value}.250000`),
      ],
      [
        decimal(12, 2),
        fc.sample(fc.integer({ min: -1_000_000_000, max: 1_000_000_000 }), 300).map(value => `${value}.25`),
      ],
    ] as [LogicalType, string[]][]) {
      const of = storage(type)
      const { held, answer } = await through(of, texts, 'c0')
      expect(held).not.toContain(false)
      const values = texts.map(text => `('${text}')`).join(',')
      const own = await connection.run(`SELECT v::${sqlType(of)} FROM (VALUES ${values}) AS t(v)`)
      expect(answer).toEqual(await own.getRows())
    }
  })

  it('hands over thousands of rows with nulls, short and long texts and lists in their places', async () => {
    const storages: Storage[] = [storage({ kind: 'int64' }), storage({ kind: 'text' }), storage(list({ kind: 'text' }))]
    const rows = new RowSet(storages)
    const text = (i: number): string | null => (i % 7 === 0 ? null : `${i} `.repeat(i % 11))
    const many = (i: number): string | null => (i % 5 === 0 ? null : `{${`w${i},`.repeat(i % 4)}NULL}`)
    for (let i = 0; i < 7000; i++) {
      rows.putCells(encodeCells([String(i), text(i), many(i)]), 0, false)
      rows.endRow()
    }
    const answer = await feed.run(rows, async from =>
      (await connection.run(`SELECT * FROM ${from} ORDER BY c0`)).getRows(),
    )
    expect(answer.length).toBe(7000)
    answer.forEach(([id, value, items], i) => {
      const words = many(i) === null ? null : [...Array<string>(i % 4).fill(`w${i}`), null]
      expect([id, value, (items as { items: unknown } | null)?.items ?? null]).toEqual([BigInt(i), text(i), words])
    })
  })

  it("keeps MySQL's durations and small booleans, masks and what `asText` names as they are", () => {
    const of = (type: LogicalType, declared: string, asText = false): string =>
      sqlType(storageOf(column('v', type, declared), asText))
    expect(of({ kind: 'time' }, 'time')).toBe('VARCHAR')
    expect(of({ kind: 'time' }, 'time(3)')).toBe('VARCHAR')
    expect(of({ kind: 'time' }, 'time(3) without time zone')).toBe('TIME')
    expect(of({ kind: 'boolean' }, 'tinyint(1)')).toBe('SMALLINT')
    expect(of({ kind: 'int64' }, 'bigint', true)).toBe('VARCHAR')
    expect(sqlType(storageOf({ ...column('v', 'int64'), masked: true }, false))).toBe('VARCHAR')
  })

  it('refuses rows with more or fewer cells than columns', () => {
    const rows = new RowSet([storage({ kind: 'int64' })])
    expect(() => rows.putCells(encodeCells(['1', '2']), 0, false)).toThrow('too many cells')
    const short = new RowSet([storage({ kind: 'int64' }), storage({ kind: 'int64' })])
    short.putCells(encodeCells(['1']), 0, false)
    expect(() => short.endRow()).toThrow('too few cells')
    expect(CellTag.absent).toBe(encodeCells([undefined])[0])
  })
})
