import { readFileSync } from 'node:fs'
import { describe, expect, it } from '@jest/globals'
import { At, CellTag, CHANGE_KINDS, EntryKind, Flag, HEADER, KNOWN_FLAGS } from '../../../runtime/record/layout.ts'
import { encodeTable } from '../../../runtime/record/schema.ts'
import { table } from '../../support/records.ts'

const page = readFileSync(new URL('../../../docs/format.md', import.meta.url), 'utf8')

/** Cells of the table whose header row begins so, without code marks. */
function rows(header: string): string[][] {
  const lines = page.split('\n')
  const from = lines.findIndex(line => line.startsWith(header))
  expect(from).toBeGreaterThan(-1)
  const below = lines.slice(from + 2)
  return below
    .slice(
      0,
      below.findIndex(line => !line.startsWith('|')),
    )
    .map(line => line.split('|').map(cell => cell.trim().replaceAll('`', '')))
    .map(cells => cells.slice(1, -1))
}

describe('docs/format.md', () => {
  it('lists the header as it is', () => {
    const fields = rows('| at | size |')
    expect(Object.fromEntries(fields.map(([at, , name]) => [name, Number(at)]))).toEqual(At)
    const sizes = fields.map(([, size]) => Number(size))
    fields.forEach(([at], i) => {
      expect(Number(at)).toBe(sizes.slice(0, i).reduce((sum, size) => sum + size, 0))
    })
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(HEADER)
    expect(page).toContain(`a fixed header of ${HEADER} bytes`)
  })

  it('lists every kind', () => {
    const kinds = rows('| kind | byte |')
    expect(Object.fromEntries(kinds.map(([, byte, name]) => [name, Number(byte)]))).toEqual(EntryKind)
    for (const [letter, byte] of kinds) expect(letter!.charCodeAt(0)).toBe(Number(byte))
    const changes = kinds.filter(([letter]) => !'Beh'.includes(letter!))
    expect(changes.map(([letter, byte]) => [Number(byte), letter])).toEqual([...CHANGE_KINDS])
  })

  it('lists every flag', () => {
    const flags = rows('| flag | value |')
    expect(Object.fromEntries(flags.map(([name, value]) => [name, Number(value)]))).toEqual(Flag)
    expect(flags.reduce((all, [, value]) => all | Number(value), 0)).toBe(KNOWN_FLAGS)
  })

  it('lists every cell tag', () => {
    const tags = rows('| tag | byte |')
    expect(Object.fromEntries(tags.map(([name, byte]) => [name, Number(byte)]))).toEqual(CellTag)
  })

  it('lists every member of a table', () => {
    const schema = rows('| entry | in this order |').find(([name]) => name === 'schema')
    const members = Object.keys(JSON.parse(encodeTable(table('orders')).toString()) as object)
    expect(schema?.[1]?.split(/: |; /)[1]?.split(', ')).toEqual(members)
  })
})
