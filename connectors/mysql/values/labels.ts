import { unreadable } from '../binlog/binlog-error.ts'
import type { CellReader } from './cell-reader.ts'
import { fixedReader } from './numbers.ts'

/** ENUM and SET by the labels that stand in the log beside the values. `labels`: as UTF-8. */

/** A number, from 1; 0 is the empty text of a value that was none of the labels. */
export function enumReader(labels: readonly Buffer[], size: number): CellReader {
  if (size !== 1 && size !== 2) throw unreadable(`an enum of ${size} bytes`)
  return fixedReader(size, 'an enum', (bytes, at, out) => {
    const number = size === 1 ? bytes[at]! : bytes[at]! | (bytes[at + 1]! << 8)
    if (number > labels.length) throw unreadable(`label ${number} of an enum that has ${labels.length}`)
    const label = number === 0 ? EMPTY : labels[number - 1]!
    out.copy(label, 0, label.length)
  })
}

const EMPTY = Buffer.alloc(0)
const COMMA = 0x2c

/** A bit for each label, the first one lowest. */
export function setReader(labels: readonly Buffer[], size: number): CellReader {
  if (size < 1 || size > 8) throw unreadable(`a set of ${size} bytes`)
  const longest = labels.reduce((sum, label) => sum + label.length + 1, 0)
  return fixedReader(size, 'a set', (bytes, at, out) => {
    out.room(5 + longest)
    const content = out.begin()
    const into = out.bytes
    let to = content
    for (let bit = 0; bit < 8 * size; bit++) {
      if (((bytes[at + (bit >> 3)]! >> (bit & 7)) & 1) === 0) continue
      const label = labels[bit]
      if (label === undefined) throw unreadable(`label ${bit + 1} of a set that has ${labels.length}`)
      if (to > content) into[to++] = COMMA
      to += label.copy(into, to)
    }
    out.at = to
    out.end(content)
  })
}
