/** Values in RowBinary, as ClickHouse's page of the format has them, and back. */
import { describe, expect, it } from '@jest/globals'
import type { LogicalType } from '../../../runtime/contract.ts'
import { asBuffer, encodeCells } from '../../../runtime/record/cells.ts'
import { KeyBytes } from '../../../sinks/clickhouse/keys.ts'
import { RowBytes } from '../../../sinks/clickhouse/row-bytes.ts'
import { rowsOf, textOf } from '../../../sinks/clickhouse/row-values.ts'
import { shownOf } from '../../../sinks/clickhouse/shown.ts'
import { type Storage, storageOf } from '../../../sinks/clickhouse/storage.ts'
import { column, table } from '../../support/scripted-log.ts'

const decimal = (precision: number, scale: number): LogicalType => ({ kind: 'decimal', precision, scale })

function storage(type: LogicalType | 'int64' | 'text'): Storage {
  const of = { ...column('c', type), nullable: false }
  return storageOf(table(1, 'public.t', [column('id', 'int64'), of]), of, new Set())
}

/** In hex; undefined: refused. */
function written(type: LogicalType | 'int64' | 'text', text: string): string | undefined {
  const bytes = new RowBytes([{ storage: storage(type), isNullable: false }])
  return bytes.putText(0, text) ? bytes.bytes.toString('hex') : undefined
}

describe('a value', () => {
  it.each<[LogicalType | 'int64' | 'text', string, string]>([
    [{ kind: 'boolean' }, 't', '01'],
    [{ kind: 'int16' }, '-2', 'feff'],
    ['int64', '-9223372036854775808', '0000000000000080'],
    [{ kind: 'uint64' }, '18446744073709551615', 'ffffffffffffffff'],
    [decimal(9, 2), '-1.5', '6affffff'],
    [decimal(38, 0), '-1', 'f'.repeat(32)],
    [decimal(76, 1), '-0.1', 'f'.repeat(64)],
    [decimal(76, 1), '0.1', `01${'00'.repeat(31)}`],
    ['text', 'é', '02c3a9'],
    ['text', 'x'.repeat(200), `c801${'78'.repeat(200)}`],
    [{ kind: 'bytes' }, '\\x00ff', '0200ff'],
    [{ kind: 'date' }, '1900-01-01', '219cffff'],
    [{ kind: 'timestamptz' }, '1970-01-01 00:00:00.000001+00', '0100000000000000'],
    [{ kind: 'uuid' }, '00112233-4455-6677-8899-aabbccddeeff', '7766554433221100ffeeddccbbaa9988'],
    [{ kind: 'array', element: { kind: 'int32' } }, '{1,NULL}', '02000100000001'],
  ])('of %j, %s, is written as the server reads it, and read back', (type, text, hex) => {
    expect(written(type, text)).toBe(hex)
    const forms = [{ storage: storage(type), isNullable: false }]
    const [[value]] = [...rowsOf(Buffer.from(hex, 'hex'), forms)] as [[Buffer]]
    const shown = shownOf(column('c', type), forms[0]!.storage)
    expect(textOf(column('c', type), forms[0]!.storage, value)).toBe(shown?.(text) ?? text)
  })

  it.each<[LogicalType, string]>([
    [{ kind: 'date' }, '1899-12-31'],
    [{ kind: 'date' }, '2300-01-01'],
    [{ kind: 'date' }, 'infinity'],
    [{ kind: 'date' }, '0044-03-15 BC'],
    [{ kind: 'timestamp' }, '1899-12-31 23:59:59.999999'],
    [{ kind: 'timestamp' }, '2300-01-01 00:00:00'],
    [{ kind: 'timestamptz' }, '-infinity'],
    [decimal(10, 2), 'NaN'],
    [decimal(10, 2), '100000000'],
    [decimal(10, 2), '0.001'],
    [{ kind: 'array', element: { kind: 'int32' } }, '{{1},{2}}'],
    [{ kind: 'array', element: { kind: 'int32' } }, '[0:0]={1}'],
  ])('of %j, %s, is refused', (type, text) => {
    expect(written(type, text)).toBeUndefined()
    expect(shownOf(column('c', type), storage(type))?.(text)).toBe(text)
  })

  it.each([
    ['1900-01-01 00:00:00', true],
    ['2299-12-31 23:59:59.999999', true],
    ['1900-01-01 00:00:00+01', false],
    ['2299-12-31 23:59:59-01', false],
  ])('of a time at the edge of what the type holds, %s, is held: %s', (text, isHeld) => {
    expect(written({ kind: 'timestamptz' }, text) !== undefined).toBe(isHeld)
  })
})

it('rows follow one another, with NULL and empty values told apart', () => {
  const forms = [
    { storage: storage('int64'), isNullable: false },
    { storage: storage('text'), isNullable: true },
  ]
  const bytes = new RowBytes(forms)
  for (const [id, name] of [
    ['1', null],
    ['2', ''],
    ['3', 'x'],
  ] as const) {
    bytes.putText(0, id)
    if (name === null) bytes.putNull(1)
    else bytes.putText(1, name)
  }
  const names = [...rowsOf(bytes.bytes, forms)].map(([, name]) => name?.toString('latin1'))
  expect(names).toEqual([undefined, '\0', '\u0001x'])
})

it('a key is nobody’s where a column cannot hold a part of it, or has one too many', () => {
  const keys = new KeyBytes([
    { storage: storage('int64'), isNullable: false },
    { storage: storage('text'), isNullable: false },
  ])
  expect(keys.of(encodeCells(['1', 'a']))!.toString('hex')).toBe('01000000000000000161')
  expect(keys.of(encodeCells(['1', Buffer.from([0xff])]))!.toString('hex')).toBe('0100000000000000045c786666')
  expect(keys.of(encodeCells(['x', 'a']))).toBeUndefined()
  expect(keys.of(encodeCells(['1']))).toBeUndefined()
  expect(keys.of(encodeCells(['1', 'a', 'b']))).toBeUndefined()
})

it('a row has room for each of its cells, however much those before it took', () => {
  const forms = [
    { storage: storage({ kind: 'array', element: { kind: 'int64' } }), isNullable: false },
    { storage: storage('text'), isNullable: true },
    { storage: storage(decimal(60, 2)), isNullable: true },
    { storage: storage('text'), isNullable: false },
  ]
  for (const count of [1, 100, 5000]) {
    const list = `{${Array.from({ length: count }, (_, i) => i % 10).join(',')}}`
    const raw = Buffer.alloc(count, 0xff)
    const rows = new RowBytes(forms)
    for (let row = 0; row < 3; row++) {
      expect(rows.putRow(asBuffer(encodeCells([list, raw, '1.25', 'end'])))).toBe(-1)
      expect(rows.putRow(asBuffer(encodeCells([list, null, null, undefined])))).toBe(-1)
    }
    const found = [...rowsOf(rows.bytes, forms)].map(values => values.map(value => value?.length))
    const lengthOf = (length: number): number => (length < 128 ? 1 : 2)
    const listBytes = lengthOf(count) + 9 * count
    const hex = 2 + 2 * count
    const whole = [listBytes, lengthOf(hex) + hex, 32, 4]
    expect(found).toEqual([0, 1, 2].flatMap(() => [whole, [listBytes, undefined, undefined, 1]]))
  }
})
