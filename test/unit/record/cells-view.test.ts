import { expect, it } from '@jest/globals'
import { keyFromTexts } from '../../../runtime/record/key.ts'
import { column, ScriptedLog, table, tuple } from '../../support/scripted-log.ts'

it('gives all cells of a row as they stand in the record, whatever stands before them', () => {
  const pairs = table(1, 'public.pairs', [column('a', 'text'), column('b', 'text'), column('c', 'text')], {
    key: [2, 0],
  })
  const cells = tuple(['x', undefined, 'y'.repeat(300)])
  const before = tuple(['x', 'old', 'y'])
  const batch = new ScriptedLog('5c21').batch(writer => {
    writer.announce(pairs)
    writer.row('c', pairs, cells)
    writer.row('u', pairs, cells, before, keyFromTexts(['from', 'there']))
    writer.delete(pairs, cells, false)
  })
  const seen = [...batch].length
  const given: Uint8Array[] = []
  for (const change of batch) given.push(Uint8Array.from(change.cells))
  expect(given.length).toBe(seen)
  const none = new Uint8Array(0)
  expect(given).toEqual([none, Uint8Array.from(cells.bytes), Uint8Array.from(cells.bytes), none])
})
