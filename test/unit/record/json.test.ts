import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import type { ChangeView, Column, LogicalType } from '../../../runtime/contract.ts'
import { BatchWriter } from '../../../runtime/record/writer.ts'
import { column, table, tuple } from '../../support/records.ts'
import type { Value } from './script.ts'

const array = (kind: LogicalType['kind']): LogicalType => ({ kind: 'array', element: { kind } as LogicalType })

function viewOf(columns: readonly Column[], values: readonly Value[]): ChangeView {
  const rows = table('rows', { columns, key: [], appendOnly: true })
  const writer = new BatchWriter([rows])
  writer.begin('1', '1', 0n)
  writer.row('c', rows, tuple(...values))
  return [...writer.takePart()][0]!
}

function jsonOf(view: ChangeView): string {
  const into = Buffer.alloc(100_000)
  const end = view.toJson(into, 3)
  return into.toString('utf8', 3, end)
}

/** JSON text of one value of this type. */
function jsonText(type: LogicalType, value: Value, more: Partial<Column> = {}): string {
  const json = jsonOf(viewOf([{ ...column('v'), type, ...more }], [value]))
  expect(json.startsWith('{"v":') && json.endsWith('}')).toBe(true)
  JSON.parse(json)
  return json.slice(5, -1)
}

function objectOf(type: LogicalType, value: Value): unknown {
  return viewOf([{ ...column('v'), type }], [value]).toObject().v
}

const INTEGERS = ['int16', 'int32', 'int64', 'uint64'] as const
const FLOATS = ['float32', 'float64'] as const

describe('toJson', () => {
  it('keeps every digit of integers', () => {
    for (const kind of INTEGERS)
      for (const text of ['0', '-1', '9223372036854775807', '-9223372036854775808', '18446744073709551615'])
        expect(jsonText({ kind }, text)).toBe(text)
    expect(objectOf({ kind: 'int64' }, '9223372036854775807')).toBe(9223372036854775807n)
    expect(objectOf({ kind: 'uint64' }, '18446744073709551615')).toBe(18446744073709551615n)
    expect(objectOf({ kind: 'int32' }, '-7')).toBe(-7)
    expect(objectOf(array('int64'), '{9007199254740993,NULL}')).toEqual([9007199254740993n, null])
  })

  it('writes finite floats as they are printed, and no others as numbers', () => {
    for (const kind of FLOATS) {
      for (const text of ['0', '-0', '0.1', '1e+20', '1.5e-07', '-3.4028235e+38', '5E-324'])
        expect(jsonText({ kind }, text)).toBe(text)
      for (const text of ['NaN', 'Infinity', '-Infinity']) expect(jsonText({ kind }, text)).toBe(`"${text}"`)
    }
  })

  it('never writes text that is no JSON number as a number', () => {
    const almost = [
      '',
      '-',
      '+1',
      '01',
      '-01',
      '1.',
      '.5',
      '1e',
      '1e+',
      '1,2',
      '1"2',
      '1 2',
      '0x1',
      '1_000',
      '--1',
      '1}',
    ]
    for (const kind of [...INTEGERS, ...FLOATS])
      for (const text of almost) {
        expect(jsonText({ kind }, text)).toBe(JSON.stringify(text))
        expect(jsonText(array(kind), `{"${text.replaceAll('"', '\\"')}"}`)).toBe(`[${JSON.stringify(text)}]`)
      }
  })

  it('writes decimals, uuids, intervals, bits, XML and JSON columns as text', () => {
    const digits = '1'.repeat(1000)
    expect(jsonText({ kind: 'decimal' }, `-0.${digits}`)).toBe(`"-0.${digits}"`)
    expect(jsonText({ kind: 'decimal' }, 'NaN')).toBe('"NaN"')
    for (const kind of ['uuid', 'interval', 'bits', 'xml', 'json', 'text', 'other'] as const)
      expect(jsonText({ kind }, '{"a": 1.00}')).toBe('"{\\"a\\": 1.00}"')
    expect(jsonText({ kind: 'enum', labels: ['a'] }, 'a')).toBe('"a"')
  })

  it.each([
    ['t', 'true'],
    ['f', 'false'],
    ['true', 'true'],
    ['false', 'false'],
    ['1', 'true'],
    ['0', 'false'],
    ['9b74c9897bac770f', '"9b74c9897bac770f"'],
    ['', '""'],
  ])('writes the boolean %j as %s', (text, json) => {
    expect(jsonText({ kind: 'boolean' }, text)).toBe(json)
    expect(objectOf({ kind: 'boolean' }, text)).toEqual(JSON.parse(json))
  })

  it.each([
    ['date', '2026-03-04', '2026-03-04'],
    ['date', '0044-03-15 BC', '-0043-03-15'],
    ['date', '0001-01-01 BC', '0000-01-01'],
    ['date', '5874897-12-31', '+5874897-12-31'],
    ['date', 'infinity', 'infinity'],
    ['date', '0000-00-00', '0000-00-00'],
    ['time', '24:00:00', '24:00:00'],
    ['time', '05:06:07.891011', '05:06:07.891011'],
    ['time', '-838:59:59', '-838:59:59'],
    ['timetz', '05:06:07+02', '05:06:07+02:00'],
    ['timetz', '05:06:07+05:30', '05:06:07+05:30'],
    ['timetz', '05:06:07+00', '05:06:07Z'],
    ['timestamp', '2026-03-04 05:06:07', '2026-03-04T05:06:07'],
    ['timestamp', '2026-03-04 05:06:07.891011', '2026-03-04T05:06:07.891011'],
    ['timestamp', '294276-12-31 23:59:59.999999', '+294276-12-31T23:59:59.999999'],
    ['timestamp', '12026-03-04 05:06:07', '+12026-03-04T05:06:07'],
    ['timestamp', '4713-11-24 00:00:00 BC', '-4712-11-24T00:00:00'],
    ['timestamp', '-infinity', '-infinity'],
    ['timestamp', '0000-00-00 00:00:00', '0000-00-00 00:00:00'],
    ['timestamp', '2026-00-04 05:06:07', '2026-00-04 05:06:07'],
    ['timestamp', '2026-03-04 05:06:07x', '2026-03-04 05:06:07x'],
    ['timestamp', '2026-03-04 05:06', '2026-03-04 05:06'],
    ['timestamptz', '2026-03-04 05:06:07.5+00', '2026-03-04T05:06:07.5Z'],
    ['timestamptz', '2026-03-04 05:06:07-08', '2026-03-04T05:06:07-08:00'],
    ['timestamptz', '2026-03-04 05:06:07+05:45', '2026-03-04T05:06:07+05:45'],
    ['timestamptz', '0044-03-15 12:00:00+00 BC', '-0043-03-15T12:00:00Z'],
    ['timestamptz', '1883-11-18 12:03:57-07:52:58', '1883-11-18T12:03:57-07:52:58'],
  ] as const)('writes the %s %s as %s', (kind, text, iso) => {
    expect(jsonText({ kind }, text)).toBe(JSON.stringify(iso))
    expect(objectOf({ kind }, text)).toBe(iso)
    expect(jsonText(array(kind), `{"${text}"}`)).toBe(JSON.stringify([iso]))
  })

  it('writes bytes as base64, whatever way the database printed them', () => {
    expect(jsonText({ kind: 'bytes' }, '\\x00ff10')).toBe('"AP8Q"')
    expect(jsonText({ kind: 'bytes' }, '\\x')).toBe('""')
    expect(jsonText({ kind: 'bytes' }, '')).toBe('""')
    expect(jsonText({ kind: 'bytes' }, '\\xabc')).toBe(JSON.stringify(Buffer.from('\\xabc').toString('base64')))
    expect(jsonText({ kind: 'bytes' }, '\\xzz')).toBe(JSON.stringify(Buffer.from('\\xzz').toString('base64')))
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), bytes => {
        const base64 = Buffer.from(bytes).toString('base64')
        expect(jsonText({ kind: 'bytes' }, `\\x${Buffer.from(bytes).toString('hex')}`)).toBe(`"${base64}"`)
      }),
    )
    const large = Buffer.alloc(50_000, 'tailrace')
    expect(jsonText({ kind: 'bytes' }, `\\x${large.toString('hex')}`)).toBe(`"${large.toString('base64')}"`)
    expect(objectOf({ kind: 'bytes' }, '\\x00ff10')).toBe('AP8Q')
    const raw = Buffer.concat([Buffer.from([0xff, 0xfe]), large])
    expect(jsonText({ kind: 'bytes' }, raw)).toBe(`"${raw.toString('base64')}"`)
    expect(objectOf({ kind: 'bytes' }, raw)).toBe(raw.toString('base64'))
  })

  it('writes bytes that are not text as hex, in a column of any other type', () => {
    for (const kind of ['text', 'int32', 'boolean', 'timestamp'] as const) {
      expect(jsonText({ kind }, Buffer.from([0x61, 0xff]))).toBe('"\\\\x61ff"')
      expect(objectOf({ kind }, Buffer.from([0x61, 0xff]))).toBe('\\x61ff')
    }
    expect(jsonText(array('text'), Buffer.from([0x7b, 0xff, 0x7d]))).toBe('"\\\\x7bff7d"')
  })

  it.each([
    ['{}', '[]'],
    ['{1,2,NULL}', '["1","2",null]'],
    ['{"NULL",null,""}', '["NULL",null,""]'],
    ['{"a,b","c\\"d","e\\\\f","{g}"}', '["a,b","c\\"d","e\\\\f","{g}"]'],
    ['{{a,b},{c,NULL}}', '[["a","b"],["c",null]]'],
    ['{{{{{{deep}}}}}}', '[[[[[["deep"]]]]]]'],
    ['{{{{{{{deeper}}}}}}}', '"{{{{{{{deeper}}}}}}}"'],
    ['[0:1]={1,2}', '"[0:1]={1,2}"'],
    ['{1,2', '"{1,2"'],
    ['{1}x', '"{1}x"'],
    ['', '""'],
    ['{"💧","\u{feff}"}', '["💧","\u{feff}"]'],
  ])('writes the array %s as %s', (text, json) => {
    expect(jsonText(array('text'), text)).toBe(json)
    expect(objectOf(array('text'), text)).toEqual(JSON.parse(json))
  })

  it('writes the elements of arrays by their type', () => {
    expect(jsonText(array('int64'), '{{9007199254740993,NULL},{-1,0}}')).toBe('[[9007199254740993,null],[-1,0]]')
    expect(jsonText(array('float64'), '{NaN,1e+20}')).toBe('["NaN",1e+20]')
    expect(jsonText(array('boolean'), '{t,f,NULL}')).toBe('[true,false,null]')
    expect(jsonText(array('bytes'), '{"\\\\x00ff"}')).toBe('["AP8="]')
  })

  it('writes any text so that JSON.parse gives it back', () => {
    const texts = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.constantFrom('\u{feff}a', '💧', '\u0000\u001f\u007f', '\u2028', '"\\/\b\f\n\r\t'),
    )
    fc.assert(
      fc.property(texts, text => {
        for (const kind of ['text', 'decimal', 'date', 'timestamptz', 'int64'] as const)
          if (kind === 'text') expect(JSON.parse(jsonText({ kind }, text))).toBe(text)
          else JSON.parse(jsonText({ kind }, text))
        expect(objectOf({ kind: 'text' }, text)).toBe(text)
      }),
      { numRuns: 300 },
    )
  })

  it('leaves what a mask left as text, whatever the column was', () => {
    for (const kind of ['int64', 'boolean', 'bytes', 'timestamp', 'float64'] as const) {
      expect(jsonText({ kind }, '12345', { masked: true })).toBe('"12345"')
      const view = viewOf([{ ...column('v'), type: { kind }, masked: true }], ['12345'])
      expect(view.toObject()).toEqual({ v: '12345' })
    }
  })

  it('keeps empty, null and absent apart', () => {
    const view = viewOf([column('a'), column('b'), column('c'), column('d')], [undefined, '', null, undefined])
    expect(jsonOf(view)).toBe('{"b":"","c":null}')
    expect(view.toObject()).toEqual({ b: '', c: null })
    expect(jsonOf(viewOf([column('a')], [undefined]))).toBe('{}')
    expect(jsonOf(viewOf([], []))).toBe('{}')
  })

  it('keeps the names and the order of the columns, also of names that objects know', () => {
    const names = ['__proto__', 'constructor', '10', '2', 'a"b', '', 'ü', 'toString']
    const view = viewOf(
      names.map(name => column(name)),
      names.map((_, i) => String(i)),
    )
    const members = names.map((name, i) => `${JSON.stringify(name)}:"${i}"`)
    expect(jsonOf(view)).toBe(`{${members.join(',')}}`)
    const object = view.toObject()
    names.forEach((name, i) => {
      expect(Object.hasOwn(object, name)).toBe(true)
      expect(Object.getOwnPropertyDescriptor(object, name)?.value).toBe(String(i))
    })
    expect(Object.getPrototypeOf(object)).toBe(Object.prototype)
  })

  it('says -1 for every buffer that is too small, and writes the same into every one that is not', () => {
    const kinds = ['int64', 'text', 'text', 'bytes', 'timestamptz', 'timestamptz', 'boolean', 'date', 'text'] as const
    const values = [
      '7',
      'a"\u0001b',
      null,
      '\\x00ff',
      '2026-03-04 05:06:07+00',
      '2026-03-04 05:06:07+01',
      't',
      '2026-03-04',
      Buffer.from([0xff]),
    ]
    const view = viewOf(
      kinds.map((kind, i) => column(`c${i}`, kind)),
      values,
    )
    const whole = jsonOf(view)
    const size = Buffer.byteLength(whole)
    for (let length = 0; length < size; length++) expect(view.toJson(Buffer.alloc(length), 0)).toBe(-1)
    for (let extra = 8; extra < 12; extra++) {
      const into = Buffer.alloc(size + extra)
      expect(into.toString('utf8', 0, view.toJson(into, 0))).toBe(whole)
      expect(into.subarray(size).every(byte => byte === 0)).toBe(true)
    }
  })

  it('writes deletes as an empty object', () => {
    const orders = table('orders')
    const writer = new BatchWriter([orders])
    writer.begin('1', '1', 0n)
    writer.delete(orders, tuple('1', 'a'), true)
    writer.truncate(orders)
    for (const view of writer.takePart()) expect(jsonOf(view)).toBe('{}')
  })
})
