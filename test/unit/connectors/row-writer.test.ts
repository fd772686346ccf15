import { describe, expect, it } from '@jest/globals'
import { rowPlan } from '../../../connectors/common/row-plan.ts'
import { type FormerRow, type RowTarget, RowWriter } from '../../../connectors/common/row-writer.ts'
import type { Span } from '../../../connectors/common/scratch.ts'
import type { Position, Table } from '../../../runtime/contract.ts'
import { encodeCells } from '../../../runtime/record/cells.ts'
import { keyTexts } from '../../../runtime/record/key.ts'
import { BatchWriter } from '../../../runtime/record/writer.ts'
import { column, table } from '../../support/records.ts'

type Values = (string | null | undefined)[]

const notes = table('notes', { columns: [column('region'), column('id'), column('body'), column('big')], key: [1, 0] })

const wide = table('wide', { id: 2, columns: Array.from({ length: 200 }, (_, i) => column(`c${i}`)) })

const plain = (one: Table): RowTarget => ({
  table: one,
  plan: rowPlan(
    one.columns.map(() => 'keep'),
    false,
    undefined,
  ),
})

function span(values: Values): Span {
  const bytes = encodeCells(values) as Buffer
  return { bytes, at: 0, end: bytes.length }
}

/** What `write` makes, a change each: `kind key | cells`, `was cells`, `from key` or `to key`; absent is `?`. */
function written(write: (rows: RowWriter) => void): string[] {
  const writer = new BatchWriter([notes, wide])
  writer.begin('7', '7', 0n)
  write(new RowWriter(writer, 'what to do'))
  writer.commit()
  const cell = (text: string | null | undefined) => (text === undefined ? '?' : String(text))
  return Array.from(writer.take({ lane: 'stream', position: '7' as Position }), change => {
    const { columns } = change.table
    const parts: string[] = [change.kind, keyTexts(change.key).join(',')]
    if (change.kind !== 'd')
      parts.push('|', ...columns.map((_, i) => cell(change.tag(i) === 0x75 ? undefined : change.text(i))))
    if (change.hasBefore) parts.push('was', ...columns.map((_, i) => cell(change.before(i))))
    if (change.moved) parts.push(change.kind === 'd' ? 'to' : 'from', keyTexts(change.moved).join(','))
    return parts.join(' ')
  })
}

const update = (old: Values, next: Values, former: FormerRow): string[] =>
  written(rows => rows.updateFrom(plain(notes), span(old), span(next), former))

describe('an update with what was sent of the former row', () => {
  it('of a whole one carries it, and takes from it what the new one lacks', () => {
    expect(update(['eu', '1', 'a', 'x'], ['eu', '1', 'b', 'y'], 'whole')).toEqual(['u 1,eu | eu 1 b y was eu 1 a x'])
    expect(update(['eu', '1', null, 'x'], [undefined, undefined, 'b', undefined], 'whole')).toEqual([
      'u 1,eu | eu 1 b x was eu 1 null x',
    ])
    expect(update(['eu', '1', null, 'x'], ['eu', '1', undefined, 'y'], 'whole')).toEqual([
      'u 1,eu | eu 1 null y was eu 1 null x',
    ])
  })

  it('of a partial one takes every cell that it has, null as well, and leaves absent what neither has', () => {
    expect(update(['eu', '1', undefined, undefined], [undefined, undefined, 'b', undefined], 'partial')).toEqual([
      'u 1,eu | eu 1 b ?',
    ])
    expect(update(['eu', '1', null, undefined], [undefined, undefined, undefined, 'y'], 'partial')).toEqual([
      'u 1,eu | eu 1 null y',
    ])
    expect(update(['eu', '1', 'a', undefined], ['eu', '1', null, 'y'], 'partial')).toEqual(['u 1,eu | eu 1 null y'])
  })

  it('of a key alone takes nothing but the key', () => {
    expect(update(['eu', '1', null, null], ['eu', '1', 'b', undefined], 'key')).toEqual(['u 1,eu | eu 1 b ?'])
    expect(update(['eu', '1', null, null], [undefined, '2', undefined, 'y'], 'key')).toEqual([
      'd 1,eu to 2,eu',
      'u 2,eu | eu 2 ? y from 1,eu',
    ])
  })

  it('is a pair where the key moved, the part of it that was not sent being the old one', () => {
    expect(update(['eu', '1', undefined, undefined], [undefined, '2', undefined, 'y'], 'partial')).toEqual([
      'd 1,eu to 2,eu',
      'u 2,eu | eu 2 ? y from 1,eu',
    ])
    expect(update(['eu', '1', 'a', 'x'], ['us', '1', 'a', 'x'], 'whole')).toEqual([
      'd 1,eu was eu 1 a x to 1,us',
      'u 1,us | us 1 a x from 1,eu',
    ])
    expect(update(['a', 'bc', null, null], ['ab', 'c', null, null], 'whole')).toHaveLength(2)
  })

  it('has a key in one of the two tuples at least', () => {
    expect(() => update(['eu', undefined, 'a', 'x'], ['eu', undefined, 'b', 'x'], 'partial')).toThrow(
      expect.objectContaining({ code: 'RECORD_MALFORMED' }),
    )
    expect(() => update(['eu', undefined, 'a', 'x'], ['eu', '1', 'b', 'x'], 'partial')).toThrow(
      expect.objectContaining({ code: 'RECORD_MALFORMED' }),
    )
  })
})

it('a delete has the former row only if it was sent whole', () => {
  const remove = (old: Values, former: FormerRow) => written(rows => rows.delete(plain(notes), span(old), former))
  expect(remove(['eu', '1', 'a', null], 'whole')).toEqual(['d 1,eu was eu 1 a null'])
  expect(remove(['eu', '1', undefined, 'x'], 'partial')).toEqual(['d 1,eu'])
  expect(remove(['eu', '1', null, null], 'key')).toEqual(['d 1,eu'])
})

it('rows of different widths follow one another', () => {
  const values = (last: string | undefined) => Array.from({ length: 200 }, (_, i) => (i === 199 ? last : String(i)))
  const told = written(rows => {
    rows.updateFrom(plain(notes), span(['eu', '1', 'a', 'x']), span(['eu', '1', 'b', undefined]), 'whole')
    rows.updateFrom(plain(wide), span(values('end')), span(values(undefined)), 'whole')
  })
  expect(told[0]).toBe('u 1,eu | eu 1 b x was eu 1 a x')
  expect(told[1]).toMatch(/^u 0 \| 0 1 2 .* 198 end was/)
})

it('an append-only table whose rows change stops the source and says what to do', () => {
  const events = plain(table('events', { key: [], appendOnly: true }))
  const stops = expect.objectContaining({ code: 'APPEND_ONLY_CHANGED', recovery: 'stop', hint: 'what to do' })
  for (const change of [
    (rows: RowWriter) => rows.update(events, span(['1', 'a'])),
    (rows: RowWriter) => rows.updateFrom(events, span(['1', 'a']), span(['1', 'b']), 'whole'),
    (rows: RowWriter) => rows.delete(events, span(['1', 'a']), 'whole'),
  ])
    expect(() => written(change)).toThrow(stops)
})
