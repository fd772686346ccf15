import { describe, expect, it } from '@jest/globals'
import { EventHeader, openEvent } from '../../../connectors/mysql/binlog/event-header.ts'
import { EventType, isRows } from '../../../connectors/mysql/binlog/event-types.ts'
import { PartialColumns, readPartialImage } from '../../../connectors/mysql/binlog/partial-image.ts'
import { readImage } from '../../../connectors/mysql/binlog/row-image.ts'
import { type ImageColumns, parseRows, type RowsEvent } from '../../../connectors/mysql/binlog/rows-event.ts'
import { CellOutput } from '../../../connectors/mysql/values/cell-output.ts'
import {
  bitmap,
  compressed,
  event,
  image,
  packed,
  rows,
  rowsV1,
  sized,
  u16,
  u32,
  uint,
} from '../../support/mysql/binlog-events.ts'
import { tellCells } from '../../support/mysql/read-events.ts'
import { intReader, sizedReader } from '../../support/mysql/simple-readers.ts'
import { skipImage } from '../../support/mysql/skip-image.ts'

const READERS = [intReader, sizedReader(1), intReader]
const ALL = [true, true, true]
const ONE = image([u32(1), sized('one'), null])
const TWO = image([u32(2), null, u32(22)])
const UNREADABLE = expect.objectContaining({ code: 'BINLOG_UNREADABLE' })

function read(bytes: Buffer, limit = 1000): RowsEvent {
  const header = new EventHeader()
  openEvent(bytes, 0, bytes.length, 'crc32', header)
  expect(isRows(header.type)).toBe(true)
  return parseRows(bytes, header.type, header.at, header.end, limit)
}

/** Images in the order of the event. */
function images(event: RowsEvent, wanted: readonly number[] = [1, 1, 1]): string[] {
  const kinds = [event.before, event.after].filter(one => one !== undefined) as ImageColumns[]
  const told: string[] = []
  for (let at = event.at; at < event.end; )
    for (const kind of kinds) {
      const out = new CellOutput()
      const next = readImage(
        event.bytes,
        at,
        event.end,
        kind,
        READERS,
        Uint8Array.from(wanted),
        out,
        new Uint32Array(4),
      )
      expect(skipImage(event.bytes, at, event.end, kind, READERS)).toBe(next)
      told.push(tellCells(out))
      at = next
    }
  return told
}

describe('rows', () => {
  it('are inserts, updates and deletes, of version 1 and 2 and compressed', () => {
    const both = Buffer.concat([ONE, TWO])
    const inserts = ['1 one null', '2 null 22']
    expect(images(read(rows(EventType.writeRows, 5, 3, [ALL], both, Buffer.from([1, 3, 0]))))).toEqual(inserts)
    expect(images(read(rowsV1(EventType.writeRowsV1, 5, 3, [ALL], both)))).toEqual(inserts)
    expect(images(read(rowsV1(EventType.writeRowsCompressedV1, 5, 3, [ALL], compressed(both))))).toEqual(inserts)
    expect(images(read(rows(EventType.writeRowsCompressed, 5, 3, [ALL], compressed(both))))).toEqual(inserts)
    for (const type of [EventType.updateRows, EventType.updateRowsCompressed]) {
      const content = type === EventType.updateRows ? both : compressed(both)
      const update = read(rows(type, 2 ** 40, 3, [ALL, ALL], content))
      expect(update).toMatchObject({ kind: 'update', tableId: 2 ** 40, flags: 1, columns: 3, isPartial: false })
      expect(images(update)).toEqual(inserts)
    }
    const deletion = read(rows(EventType.deleteRows, 5, 3, [ALL], both))
    expect(deletion).toMatchObject({ kind: 'delete', after: undefined })
    expect(images(deletion)).toEqual(inserts)
  })

  it('tell absent from null, and write nothing for columns that are not wanted', () => {
    const content = Buffer.concat([image([u32(1), undefined, undefined]), image([undefined, null, u32(9)])])
    const update = read(
      rows(
        EventType.updateRows,
        5,
        3,
        [
          [true, false, false],
          [false, true, true],
        ],
        content,
      ),
    )
    expect(images(update)).toEqual(['1 ? ?', '? null 9'])
    expect(images(update, [1, 0, 1])).toEqual(['1 ?', '? 9'])
    expect(images(update, [0, 0, 0])).toEqual(['', ''])
  })

  it('that take no bytes are not counted, and not passed over', () => {
    const none = [false, false, false]
    expect(read(rows(EventType.writeRows, 5, 3, [none], Buffer.alloc(0)))).toMatchObject({ hasUncountedRows: true })
    expect(read(rows(EventType.writeRows, 5, 3, [ALL], Buffer.alloc(0)))).toMatchObject({ hasUncountedRows: false })
    expect(() => read(rows(EventType.writeRows, 5, 3, [none], Buffer.alloc(1)))).toThrow(UNREADABLE)
  })

  it('that are cut are refused', () => {
    for (let length = 1; length < ONE.length; length++) {
      const cut = read(rows(EventType.writeRows, 5, 3, [ALL], ONE.subarray(0, length)))
      expect(() => images(cut)).toThrow(UNREADABLE)
    }
    const whole = rows(EventType.updateRows, 5, 3, [ALL, ALL], Buffer.alloc(0))
    for (let end = 19; end < whole.length - 4; end++)
      expect(() => parseRows(whole, EventType.updateRows, 19, end, 1000)).toThrow(UNREADABLE)
    expect(() => read(rows(EventType.writeRowsCompressed, 5, 3, [ALL], compressed(ONE)), 5)).toThrow(
      expect.objectContaining({ code: 'VALUE_TOO_LARGE' }),
    )
    const broken = compressed(ONE)
    broken[broken.length - 1]! ^= 1
    expect(() => read(rows(EventType.writeRowsCompressed, 5, 3, [ALL], broken))).toThrow(UNREADABLE)
  })
})

describe('an image with differences of JSON documents', () => {
  const readers = [intReader, sizedReader(4), sizedReader(4)]
  const json = Uint8Array.from([0, 1, 1])
  const wanted = Uint8Array.from([1, 1, 1])
  const four = (content: Buffer): Buffer => Buffer.concat([u32(content.length), content])
  const partialRow = (options: Buffer, bits: Buffer, ...values: (Buffer | null | undefined)[]): Buffer =>
    Buffer.concat([options, bits, image(values)])

  it('gives them for the columns that have them, and values for the others', () => {
    const diffs = Buffer.from('differences')
    const content = Buffer.concat([
      image([u32(1), four(Buffer.from('{}')), four(Buffer.from('[]'))]),
      partialRow(packed(1), bitmap([false, true]), u32(2), four(Buffer.from('"new"')), four(diffs)),
    ])
    const { bytes, at, end, before, after, isPartial } = read(
      rows(EventType.partialUpdateRows, 5, 3, [ALL, ALL], content),
    )
    expect(isPartial).toBe(true)
    const from = skipImage(bytes, at, end, before!, readers)
    const out = new CellOutput()
    const partial = new PartialColumns()
    expect(readPartialImage(bytes, from, end, after!, readers, json, wanted, out, partial)).toBe(end)
    expect(tellCells(out)).toBe('2 "new" ?')
    expect(partial.count).toBe(1)
    expect(partial.columns[0]).toBe(2)
    expect(bytes.toString('utf8', partial.from[0], partial.to[0])).toBe('differences')
  })

  it('has a bit for JSON columns that the image does not have, and none without options', () => {
    const columns: ImageColumns = { bits: Buffer.from([0b101]), at: 0, count: 2 }
    const tell = (row: Buffer): string => {
      const out = new CellOutput()
      const partial = new PartialColumns()
      expect(readPartialImage(row, 0, row.length, columns, readers, json, wanted, out, partial)).toBe(row.length)
      return `${tellCells(out)} ${partial.columns.slice(0, partial.count)}`
    }
    expect(tell(partialRow(packed(1), bitmap([true, true]), u32(2), undefined, four(Buffer.alloc(3))))).toBe('2 ? ? 2')
    expect(tell(partialRow(packed(1), bitmap([true, true]), u32(2), undefined, null))).toBe('2 ? null ')
    expect(tell(partialRow(packed(0), Buffer.alloc(0), u32(2), undefined, four(Buffer.from('[]'))))).toBe('2 ? [] ')
    expect(() => tell(partialRow(packed(2), Buffer.alloc(0), u32(2)))).toThrow(UNREADABLE)
    expect(() => tell(partialRow(packed(1), bitmap([true, true]), u32(2), undefined, uint(900, 4)))).toThrow(UNREADABLE)
  })

  it('begins behind an extra part that counts itself', () => {
    const bad = event(EventType.writeRows, Buffer.concat([uint(5, 6), u16(1), u16(1), Buffer.alloc(20)]))
    expect(() => read(bad)).toThrow(UNREADABLE)
  })
})
