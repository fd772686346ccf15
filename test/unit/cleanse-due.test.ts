import { describe, expect, it } from '@jest/globals'
import { dueTables } from '../../runtime/cleanse/due.ts'
import type { Table } from '../../runtime/contract.ts'
import { column, table } from '../support/scripted-log.ts'

const [id, mail, note] = [column('id', 'int64'), column('mail', 'text'), column('note', 'text')]
const clear = table(1, 'public.people', [id, mail, note])
const masked = table(2, 'public.people', [id, { ...mail, masked: true }, note], { version: 2 })
const without: Table = {
  ...table(3, 'public.people', [id, { ...mail, masked: true }], { version: 3 }),
  excluded: ['note'],
}
const dropped = table(4, 'public.people', [id], { version: 4 })

const due = (tables: readonly Table[], cleansed: readonly (readonly [string, number])[] = []): unknown =>
  dueTables(tables, new Map(cleansed)).map(({ table, columns, isExcluded }) => [table.id, columns, isExcluded])

describe('tables of which something is left that is hidden now', () => {
  it('are those that showed it before', () => {
    expect(due([clear])).toEqual([])
    expect(due([masked])).toEqual([])
    expect(due([clear, masked])).toEqual([[2, ['mail'], false]])
    expect(due([clear, masked, without])).toEqual([[3, ['note', 'mail'], true]])
  })

  it('are not those whose column the source has dropped', () => {
    expect(due([clear, dropped])).toEqual([])
  })

  it('are none once they were cleansed, until something else is hidden', () => {
    expect(due([clear, masked], [[clear.name, 2]])).toEqual([])
    expect(due([clear, masked, without], [[clear.name, 2]])).toEqual([[3, ['note'], true]])
  })
})
