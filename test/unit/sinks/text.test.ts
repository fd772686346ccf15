import { describe, expect, it } from '@jest/globals'
import type { Column, LogicalType } from '../../../runtime/contract.ts'
import { floatText, parseExact, realText, textOfJson } from '../../../runtime/record/text.ts'
import { valueJson } from '../../../runtime/record/value.ts'

const column = (type: LogicalType, declared = type.kind as string): Column => ({
  name: 'c',
  type,
  declared,
  nullable: true,
})
const array = (element: LogicalType): LogicalType => ({ kind: 'array', element })

describe('text from JSON', () => {
  it.each<[Column, string[]]>([
    [column({ kind: 'int64' }), ['9223372036854775807', '-9223372036854775808', '0']],
    [column({ kind: 'uint64' }), ['18446744073709551615']],
    [column({ kind: 'float64' }), ['-0', 'NaN', 'Infinity', '-Infinity', '1e+20', '0.30000000000000004', '1.5e-07']],
    [column({ kind: 'decimal' }), ['1.10', `${'9'.repeat(1000)}.5`, 'NaN']],
    [column({ kind: 'boolean' }), ['t', 'f']],
    [column({ kind: 'boolean' }, 'tinyint(1)'), ['1', '0']],
    [column({ kind: 'boolean' }, 'bitemporal.flag'), ['t', 'f']],
    [column({ kind: 'text' }), ['', '\u{feff}a', 'a\nb"c\\', '🌊', 'null', '\u0000']],
    [column({ kind: 'bytes' }), ['\\x', '\\x00ff61']],
    [column({ kind: 'json' }), ['{"a": 1.0, "a": 2}']],
    [
      column({ kind: 'date' }),
      ['2024-02-29', '0044-03-15 BC', '0001-01-01 BC', '294276-12-31', 'infinity', '0000-00-00'],
    ],
    [column({ kind: 'timestamp' }), ['2024-02-29 23:59:60.000001', '0044-03-15 00:00:00 BC', '-infinity']],
    [
      column({ kind: 'timestamptz' }),
      [
        '2024-02-29 12:00:00+00',
        '1900-01-01 12:00:00.5+05:53:28',
        '2024-01-01 00:00:00+05:30',
        '2024-01-01 00:00:00-03',
        '0044-03-15 00:00:00+00 BC',
      ],
    ],
    [column({ kind: 'time' }), ['24:00:00', '-838:59:59', '12:30:00.123456']],
    [column({ kind: 'timetz' }), ['12:00:00+00', '12:00:00+05:30', '12:00:00-08']],
    [column(array({ kind: 'int64' })), ['{1,NULL,9223372036854775807}', '{}', '{{1,2},{3,4}}', '[0:1]={1,2}']],
    [column(array({ kind: 'text' })), ['{a,"b c","","NULL","\\"\\\\","x,y"}']],
    [column(array({ kind: 'boolean' })), ['{t,f,NULL}']],
    [column(array({ kind: 'timestamptz' })), ['{"2024-02-29 12:00:00+00"}']],
    [column({ kind: 'interval' }), ['1 year 2 mons -3 days']],
  ])('is what the database printed: $declared', (declared, texts) => {
    for (const text of texts) expect(textOfJson(declared, parseExact(valueJson(declared.type, text)))).toBe(text)
  })

  it.each([
    ['float64', 1e23, '9.999999999999999e+22'],
    ['float64', -2e23, '-1.9999999999999998e+23'],
    ['float64', 9e22, '9e+22'],
    ['float32', 2 ** -96, '1.2621775e-29'],
    ['float32', 2 ** -12, '0.00024414062'],
    ['float32', 2 ** 25, '3.3554432e+07'],
    ['float32', -0, '-0'],
    ['float32', 123456.79, '123456.79'],
  ] as const)('is the shortest of a %s as PostgreSQL has it: %d', (kind, value, text) => {
    expect(kind === 'float32' ? realText(Math.fround(value)) : floatText(kind, value)).toBe(text)
  })

  it('keeps NULL apart from the text null', () => {
    expect(textOfJson(column({ kind: 'text' }), parseExact('null'))).toBeNull()
  })

  it('writes parsed JSON back with every digit', () => {
    const json = '{"a":9223372036854775807,"__proto__":-0,"f":1e+20,"list":[1.10]}'
    expect(JSON.stringify(parseExact(json))).toBe(json)
  })
})
