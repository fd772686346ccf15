import { readFileSync } from 'node:fs'
import { describe, expect, it } from '@jest/globals'
import type { TableMap } from '../../../connectors/mysql/binlog/table-map.ts'
import { EventsReader } from '../../support/mysql/read-events.ts'

/** Files that servers have written: every kind of statement, image, compression and type, with FULL row metadata. */
async function read(file: string): Promise<EventsReader> {
  const reader = new EventsReader()
  await reader.file(readFileSync(new URL(`../../support/mysql/binlogs/${file}.bin`, import.meta.url)))
  return reader
}

const tableOf = (reader: EventsReader, name: string): TableMap =>
  [...reader.maps.values()].find(({ table }) => table === name)!

const unsignedOf = (map: TableMap): string[] => map.columns.flatMap(({ name, unsigned }) => (unsigned ? [name] : []))

describe('a log of MySQL 9.7', () => {
  it('gives every row, of plain, minimal, partial and compressed images', async () => {
    const { told } = await read('mysql-9.7-a')
    const rows = told.filter(line => / \w+ /.test(line))
    expect(rows.slice(0, 4)).toEqual([
      expect.stringMatching(/^insert t -1 7c -1 ffffffffffffffff /),
      'insert t 1 null null null null null null null null null null null null null null null null null null',
      'insert t 2 null null null null null null null null null null null null null null null null null null',
      'insert t 3 null null null null null null null null null null null null null null null null null null',
    ])
    expect(rows).toContain('update t 1 ? ? ? ? ? ? ? ? ? ? ? ? ? ? ? ? ? ? -> ? ? ? ? ? ? ? ? ? ? ? ? ? ? ? ? ? m ?')
    expect(rows).toContain('insert dft 1 ?')
    expect(rows.filter(line => /^insert t \d{4} /.test(line)).length).toBe(9)
    expect(rows.filter(line => line.includes('; replace a/0')).length).toBe(1)
    expect(rows.filter(line => line.includes('; insert we ird')).length).toBe(1)
    const updates = rows.filter(line => line.startsWith('update par'))
    expect(updates.sort()).toEqual(['update par 1 1 -> 1 3', 'update par 2 2 -> 2 3'])
  })

  it('says what the columns are', async () => {
    const { maps } = await read('mysql-9.7-a')
    const of = (name: string): TableMap => [...maps.values()].find(({ table }) => table === name)!
    expect(of('pk')).toMatchObject({ primaryKey: [2, 0], keyPrefixes: [7, 0], hasFullMetadata: true })
    expect(of('inv').visible).toEqual([true, false, true])
    expect(of('vec').columns[1]).toMatchObject({ dimension: 3, collation: 63 })
    expect(unsignedOf(of('only_ints'))).toEqual(['b', 'y', 'c', 't'])
    const e = of('t').columns.find(({ name }) => name === 'e')!
    expect(e.labels!.map(String)).toEqual(['a', 'b,c'])
  })

  it('has a sign for each number, and a collation for each text, whatever stands between them', async () => {
    const reader = await read('mysql-9.7-b')
    expect(unsignedOf(tableOf(reader, 'n1'))).toEqual(['u1', 'u2', 'u3', 'u4', 'u5', 'y'])
    const { columns } = tableOf(reader, 'n2')
    expect(
      columns.map(({ name, collation }) => `${name} ${collation}`).filter(one => !one.endsWith('undefined')),
    ).toEqual(['v 63', 'e 33', 'h 9', 'k 8', 'e2 9', 'e3 8'])
    expect(reader.told.slice(0, 2)).toEqual(['formatDescription', 'previousGtids'])
  })
})

describe('a log of MariaDB 10.11', () => {
  it('gives every row, compressed or not', async () => {
    const { told } = await read('mariadb-10.11-a')
    const rows = told.filter(line => / \w+ /.test(line))
    expect(rows.length).toBe(25)
    expect(rows.filter(line => line.startsWith('insert t 10'))).toHaveLength(2)
    expect(rows.filter(line => line.startsWith('update t 100 '))).toHaveLength(1)
    expect(rows.filter(line => line.startsWith('delete t 101 '))).toHaveLength(1)
    expect(told.filter(kind => kind === 'xaPrepare')).toHaveLength(1)
    expect(told.filter(kind => kind === 'mariadbGtid')).toHaveLength(36)
  })

  it('has a sign for each number, and a collation for each text, whatever stands between them', async () => {
    const reader = await read('mariadb-10.11-b')
    expect(unsignedOf(tableOf(reader, 'n1'))).toEqual(['u1', 'u2', 'u3', 'u4', 'u5', 'y'])
    const { columns } = tableOf(reader, 'n2')
    expect(
      columns.map(({ name, collation }) => `${name} ${collation}`).filter(one => !one.endsWith('undefined')),
    ).toEqual(['a 63', 'b 63', 'c 63', 'd 8', 'e 33', 'g 63', 'h 9'])
    expect(unsignedOf(tableOf(reader, 'n2'))).toEqual(['u1', 'u2'])
    expect(tableOf(reader, 'sv').primaryKey).toEqual([0, 3])
  })
})
