import { expect, it } from '@jest/globals'
import { CellHasher } from '../../../runtime/record/cell-hash.ts'

it('the hash that an index stores stays what it was', () => {
  const bytes = Buffer.from('a row of cells, whole words and three bytes')
  const into = Buffer.alloc(9)
  const hasher = new CellHasher()
  const hashes = [0, 1, 2, 3, 4, 21, bytes.length].map(length => {
    hasher.write(bytes, 0, length, into, 1)
    return into.toString('hex', 1)
  })
  hasher.write(bytes, 5, 30, into, 1)
  expect([...hashes, into.toString('hex', 1)]).toEqual([
    '366096b8d3ca690b',
    '4a47d4a389fe906d',
    'd378c257a95ed8f3',
    'bf503c87e9062cb3',
    '87731ebfa19aab5f',
    '3889f7e3c66e9296',
    'ee68f3341064ccce',
    '6cdc373970220cca',
  ])
})
