import { describe, expect, it } from '@jest/globals'
import { EventHeader, openEvent } from '../../../connectors/mysql/binlog/event-header.ts'
import { parseTableMap, readTableId, type TableMap } from '../../../connectors/mysql/binlog/table-map.ts'
import type { Flavor } from '../../../connectors/mysql/wire-column.ts'
import { WireType } from '../../../connectors/mysql/wire-types.ts'
import { type Column, highBitmap, packed, sized, tableMap, u8 } from '../../support/mysql/binlog-events.ts'

const column = (type: number, ...meta: number[]): Column => ({ type, meta: Buffer.from(meta) })
const tlv = (type: number, ...parts: Buffer[]): Buffer => Buffer.concat([u8(type), sized(Buffer.concat(parts))])
const numbers = (...values: number[]): Buffer => Buffer.concat(values.map(packed))
const names = (...all: string[]): Buffer => tlv(4, ...all.map(sized))

function read(columns: readonly Column[], metadata: readonly Buffer[] = [], flavor: Flavor = 'mysql'): TableMap {
  const bytes = tableMap(0xffff_ffff_fffe, 'orders', columns, metadata)
  const header = new EventHeader()
  openEvent(bytes, 0, bytes.length, 'crc32', header)
  expect(readTableId(bytes, header.at, header.end)).toBe(0xffff_ffff_fffe)
  return parseTableMap(bytes, header.at, header.end, flavor)
}

const UNREADABLE = expect.objectContaining({ code: 'BINLOG_UNREADABLE' })

describe('the description of a table', () => {
  it('has types with their metadata, unpacked', () => {
    const { columns, ...table } = read([
      { ...column(WireType.long), nullable: false },
      column(WireType.varchar, 0xfc, 0x03),
      column(WireType.newdecimal, 65, 30),
      column(WireType.bit, 1, 8),
      column(WireType.string, 0xfe, 10),
      // CHAR(255) in utf8mb4 has 1020 bytes.
      column(WireType.string, 0xce, 0xfc),
      column(WireType.string, WireType.enum, 2),
      column(WireType.string, WireType.set, 8),
      column(WireType.datetime2, 6),
      column(20, WireType.varchar, 0xff, 0),
      column(WireType.json, 4),
    ])
    expect(columns.map(({ type, meta }) => [type, meta])).toEqual([
      [WireType.long, 0],
      [WireType.varchar, 0x3fc],
      [WireType.newdecimal, 30 * 256 + 65],
      [WireType.bit, 8 * 256 + 1],
      [WireType.string, 10],
      [WireType.string, 1020],
      [WireType.enum, 2],
      [WireType.set, 8],
      [WireType.datetime2, 6],
      [20, WireType.varchar],
      [WireType.json, 4],
    ])
    expect(columns.map(({ nullable }) => nullable).indexOf(false)).toBe(0)
    expect(table).toMatchObject({ tableId: 0xffff_ffff_fffe, database: 'shop', table: 'orders' })
    expect(table).toMatchObject({ hasFullMetadata: false, primaryKey: [], visible: undefined })
  })

  it('gives optional metadata to the columns they are about', () => {
    const columns = [
      column(WireType.long),
      column(WireType.varchar, 10, 0),
      column(WireType.string, WireType.enum, 1),
      column(WireType.geometry, 4),
      column(WireType.longlong),
      column(WireType.string, WireType.set, 1),
      column(WireType.blob, 2),
      column(WireType.vector, 4),
      column(WireType.string, WireType.enum, 1),
    ]
    const table = read(columns, [
      tlv(1, highBitmap([false, true])),
      tlv(2, numbers(255, 1, 63)),
      names('a', 'b', 'e', 'g', 'u', 's', 't', 'v', 'f'),
      tlv(200, Buffer.from('of a newer server')),
      tlv(5, numbers(2), sized('x'), sized("y'z")),
      tlv(6, numbers(2), sized('q'), sized('b,c'), numbers(1), sized('')),
      tlv(7, numbers(1)),
      tlv(9, numbers(1, 5, 0, 0)),
      tlv(10, numbers(8, 1, 33)),
      tlv(12, highBitmap([true, true, false, true, true, true, true, true, true])),
      tlv(13, numbers(1536)),
    ])
    expect(table).toMatchObject({ hasFullMetadata: true, primaryKey: [1, 0], keyPrefixes: [5, 0] })
    expect(table.visible).toEqual([true, true, false, true, true, true, true, true, true])
    expect(table.columns.map(({ name }) => name).join('')).toBe('abegustvf')
    expect(table.columns.map(({ unsigned }) => unsigned).indexOf(true)).toBe(4)
    expect(table.columns.map(({ collation }) => collation)).toEqual([
      ...[undefined, 255, 8, undefined, undefined, 33, 63, 255, 8],
    ])
    expect(table.columns.map(({ labels }) => labels?.map(String))).toEqual([
      ...[undefined, undefined, ['q', 'b,c'], undefined, undefined, ['x', "y'z"], undefined, undefined, ['']],
    ])
    expect(table.columns[3]!.geometry).toBe(1)
    expect(table.columns[7]!.dimension).toBe(1536)
  })

  it('of MariaDB counts geometry among its texts', () => {
    const columns = [column(WireType.geometry, 4), column(WireType.varchar, 10, 0)]
    expect(read(columns, [tlv(3, numbers(63, 8))], 'mariadb').columns.map(one => one.collation)).toEqual([63, 8])
    expect(read(columns, [tlv(3, numbers(8))], 'mysql').columns.map(one => one.collation)).toEqual([undefined, 8])
  })

  it('is refused when it contradicts itself', () => {
    const text = [column(WireType.varchar, 10, 0)]
    const refused = (columns: readonly Column[], ...metadata: Buffer[]): void =>
      expect(() => read(columns, metadata)).toThrow(UNREADABLE)
    refused([column(99)])
    refused([column(WireType.varchar, 1)])
    refused([column(WireType.long, 1)])
    refused([column(20, 20)])
    refused(text, names('a', 'b'))
    refused(text, tlv(3, numbers(8, 8)))
    refused(text, tlv(2, numbers(8, 1, 8)))
    refused(text, tlv(8, numbers(1)))
    refused(text, tlv(200), tlv(200))
    refused(text, tlv(8, numbers(0, 0)))
    refused(text, tlv(6, numbers(1), sized('q')))
    refused(text, Buffer.from([4, 250]))
    refused([column(WireType.long)], tlv(1))
    refused([column(WireType.string, WireType.enum, 1)], tlv(6, packed(2 ** 40)))
    expect(read([column(WireType.string, WireType.enum, 1)], [names('e')]).hasFullMetadata).toBe(false)
  })
})
