import { deflateRawSync, deflateSync } from 'node:zlib'
import { describe, expect, it } from '@jest/globals'
import { cellReader } from '../../../connectors/mysql/values/cell-readers.ts'
import { declaredOf } from '../../../connectors/mysql/values/wire-declared.ts'
import type { WireColumn } from '../../../connectors/mysql/wire-column.ts'
import { WireType } from '../../../connectors/mysql/wire-types.ts'
import { CellTag } from '../../../runtime/record/layout.ts'
import { paperCharsets } from '../../support/mysql/paper-charsets.ts'
import { cutShort, readCell, readText } from '../../support/mysql/read-cell.ts'

const UNREADABLE = expect.objectContaining({ code: 'BINLOG_UNREADABLE' })
const charsets = await paperCharsets('mariadb')
const [UTF8MB4, LATIN1, UTF16, BINARY] = [45, 8, 54, 63]

function wire(type: number, meta: number, rest: Partial<WireColumn> = {}): WireColumn {
  const none = { collation: undefined, labels: undefined, geometry: undefined, dimension: undefined }
  return { name: 'c', type, meta, nullable: true, unsigned: false, ...none, ...rest }
}

const reader = (column: WireColumn, declared = declaredOf(column, charsets)) => cellReader(column, declared, charsets)
const bytes = (hex: string): Buffer => Buffer.from(hex.replace(/\s/g, ''), 'hex')
/** The value with its length in front. */
const long = (value: Buffer | string, size: number): Buffer => {
  const content = Buffer.from(value)
  const length = Buffer.alloc(size)
  length.writeUIntLE(content.length, 0, size)
  return Buffer.concat([length, content])
}

describe('what a TABLE_MAP event says of a column', () => {
  it.each([
    [wire(WireType.tiny, 0, { unsigned: true }), 'tinyint unsigned'],
    [wire(WireType.int24, 0), 'mediumint'],
    [wire(WireType.newdecimal, 65 + 30 * 256, { unsigned: true }), 'decimal(65,30) unsigned'],
    [wire(WireType.bit, 5), 'bit(5)'],
    [wire(WireType.bit, 8 * 256), 'bit(64)'],
    [wire(WireType.time2, 0), 'time'],
    [wire(WireType.datetime2, 6), 'datetime(6)'],
    [wire(WireType.varchar, 160, { collation: UTF8MB4 }), 'varchar(40)'],
    [wire(WireType.varchar, 40, { collation: BINARY }), 'varbinary(40)'],
    [wire(WireType.varcharCompressed, 41, { collation: LATIN1 }), 'varchar(40)'],
    [wire(WireType.string, 12, { collation: UTF8MB4 }), 'char(3)'],
    [wire(WireType.string, 16, { collation: BINARY }), 'binary(16)'],
    [wire(WireType.blob, 1, { collation: UTF16 }), 'tinytext'],
    [wire(WireType.blob, 4, { collation: BINARY }), 'longblob'],
    [wire(WireType.geometry, 4, { geometry: 1 }), 'point'],
    [wire(WireType.geometry, 4), 'geometry'],
    [wire(WireType.vector, 4, { dimension: 3 }), 'vector(3)'],
    [wire(WireType.json, 4), 'json'],
    [wire(WireType.enum, 1, { collation: LATIN1, labels: [bytes('e9'), bytes('612762')] }), "enum('é','a''b')"],
  ] as const)('is the type of its DDL: %#', (column, declared) => {
    expect(declaredOf(column, charsets)).toBe(declared)
  })

  it('is refused where nobody knows it', () => {
    for (const type of [WireType.decimal, WireType.null, 200])
      for (const look of [() => declaredOf(wire(type, 0), charsets), () => reader(wire(type, 0), 'int')])
        expect(look).toThrow(UNREADABLE)
    expect(() => declaredOf(wire(WireType.blob, 5, { collation: BINARY }), charsets)).toThrow(UNREADABLE)
    expect(() => reader(wire(WireType.enum, 1), 'enum()')).toThrow(UNREADABLE)
  })
})

describe('strings', () => {
  it('have a length of one byte or two, by what their column can hold', () => {
    expect(readText(reader(wire(WireType.varchar, 160, { collation: UTF8MB4 })), long('é\u{1f600}', 1))).toBe(
      'é\u{1f600}',
    )
    expect(readText(reader(wire(WireType.varchar, 256, { collation: UTF8MB4 })), long('é', 2))).toBe('é')
    expect(readText(reader(wire(WireType.string, 1020, { collation: UTF8MB4 })), long('é', 2))).toBe('é')
    expect(readText(reader(wire(WireType.varchar, 40, { collation: LATIN1 })), long(bytes('e980'), 1))).toBe('é€')
    for (const size of [1, 2, 3, 4])
      expect(readText(reader(wire(WireType.blob, size, { collation: UTF16 })), long(bytes('00e9'), size))).toBe('é')
  })

  it('that are none in their character set are their bytes', () => {
    const cell = readCell(reader(wire(WireType.varchar, 40, { collation: UTF8MB4 })), long(bytes('61ff'), 1))
    expect(cell).toEqual(Buffer.concat([Buffer.from([CellTag.bytes, 0, 0, 0, 2]), bytes('61ff')]))
  })

  it('of a compressed column are what was compressed', () => {
    const column = wire(WireType.blobCompressed, 2, { collation: UTF8MB4 })
    const text = 'é'.repeat(200)
    const packed = (head: number, body: Buffer) => long(Buffer.concat([bytes(`${head.toString(16)}0190`), body]), 2)
    expect(readText(reader(column), long('', 2))).toBe('')
    expect(readText(reader(column), long(`\0${text}`, 2))).toBe(text)
    expect(readText(reader(column), packed(0x82, deflateSync(text)))).toBe(text)
    expect(readText(reader(column), packed(0x8a, deflateRawSync(text)))).toBe(text)
    const wrong = [
      packed(0x82, deflateSync(text.slice(1))),
      packed(0x82, deflateSync(`${text}x`)),
      packed(0x82, bytes('00')),
    ]
    for (const value of [
      ...wrong,
      packed(0x92, deflateSync(text)),
      long(bytes('84ffffffff'), 2),
      long(bytes('8201'), 2),
    ])
      expect(() => readText(reader(column), value)).toThrow(UNREADABLE)
  })
})

describe('bytes', () => {
  it('are hex, and those of BINARY have the zeros that the log leaves out', () => {
    expect(readText(reader(wire(WireType.varchar, 40, { collation: BINARY })), long(bytes('00ff'), 1))).toBe('\\x00ff')
    expect(readText(reader(wire(WireType.blob, 4, { collation: BINARY })), long('', 4))).toBe('\\x')
    const column = wire(WireType.string, 4, { collation: BINARY })
    expect(readText(reader(column), long(bytes('0102'), 1))).toBe('\\x01020000')
    expect(readText(reader(column), long('', 1))).toBe('\\x00000000')
    expect(() => readText(reader(column), long(bytes('0102030405'), 1))).toThrow(UNREADABLE)
  })

  it('of a UUID, INET6 or INET4 are its text', () => {
    const sixteen = wire(WireType.string, 16, { collation: BINARY })
    const uuid = long(bytes('123e4567e89b12d3a4564266554400'), 1)
    expect(readText(reader(sixteen, 'uuid'), uuid)).toBe('123e4567-e89b-12d3-a456-426655440000')
    const inet6 = (hex: string) => readText(reader(sixteen, 'inet6'), long(bytes(hex), 1))
    expect(inet6('')).toBe('::')
    expect(inet6('20010db8 0000 0000 0000 0000 0000 0001')).toBe('2001:db8::1')
    expect(inet6('0001 0000 0000 0002 0000 0000 0000 0003')).toBe('1:0:0:2::3')
    expect(inet6('00000000000000000000ffff01020304')).toBe('::ffff:1.2.3.4')
    const four = wire(WireType.string, 4, { collation: BINARY })
    expect(readText(reader(four, 'inet4'), long(bytes('0a'), 1))).toBe('10.0.0.0')
    expect(() => readText(reader(four, 'inet4'), long(bytes('0a00000000'), 1))).toThrow(UNREADABLE)
  })

  it('of a place are the value as the server has it; of a vector an array', () => {
    const place = '000000000101000000000000000000f03f0000000000000040'
    expect(readText(reader(wire(WireType.geometry, 4)), long(bytes(place), 4))).toBe(`\\x${place}`)
    const vector = bytes('0000803f cdcccc3d 000040c0')
    expect(readText(reader(wire(WireType.vector, 4, { dimension: 3 })), long(vector, 4))).toBe('{1,0.1,-3}')
    expect(readText(reader(wire(WireType.varchar, 12, { collation: BINARY }), 'vector(3)'), long(vector, 1))).toBe(
      '{1,0.1,-3}',
    )
    expect(() => readText(reader(wire(WireType.vector, 4)), long(bytes('00'), 4))).toThrow(UNREADABLE)
  })
})

describe('labels', () => {
  const labels = [bytes('e9'), bytes('622c63'), bytes('')]

  it('of an ENUM go by their number, and 0 is the empty text', () => {
    const column = reader(wire(WireType.enum, 1, { collation: LATIN1, labels }))
    expect([0, 1, 2, 3].map(number => readText(column, [number]))).toEqual(['', 'é', 'b,c', ''])
    expect(() => readText(column, [4])).toThrow(UNREADABLE)
    expect(readText(reader(wire(WireType.enum, 2, { collation: LATIN1, labels })), [1, 0])).toBe('é')
  })

  it('of a SET go by their bits', () => {
    const many = Array.from({ length: 64 }, (_, i) => Buffer.from(`l${i}`))
    const column = reader(wire(WireType.set, 8, { collation: LATIN1, labels: many }))
    expect(readText(column, bytes('0000000000000000'))).toBe('')
    expect(readText(column, bytes('0300000000000080'))).toBe('l0,l1,l63')
    expect(readText(column, Buffer.alloc(8, 0xff))).toBe(many.join())
    expect(() => readText(reader(wire(WireType.set, 1, { collation: LATIN1, labels })), [8])).toThrow(UNREADABLE)
  })
})

it('nothing is read beyond its end', () => {
  for (const [column, value] of [
    [wire(WireType.varchar, 40, { collation: UTF8MB4 }), long('text', 1)],
    [wire(WireType.varchar, 400, { collation: BINARY }), long('text', 2)],
    [wire(WireType.string, 4, { collation: BINARY }), long('text', 1)],
    [wire(WireType.blob, 4, { collation: LATIN1 }), long('text', 4)],
    [wire(WireType.geometry, 4), long('text', 4)],
    [wire(WireType.vector, 4), long('text', 4)],
    [wire(WireType.enum, 2, { labels: [] }), bytes('0000')],
    [wire(WireType.set, 8, { labels: [] }), Buffer.alloc(8)],
  ] as const)
    for (const read of cutShort(reader(column, ''), value)) expect(read).toThrow(UNREADABLE)
})
