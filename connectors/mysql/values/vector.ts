import { floatText } from '../../../runtime/record/mysql-float.ts'
import { unreadable } from '../binlog/binlog-error.ts'
import type { CellOutput } from './cell-output.ts'

/**
 * A vector's floats of 32 bits, little-endian, as the text of an array, `{1,2.5,-3}`: the servers print only bytes, and
 * this is what sinks with lists and JSON take for one. Answers one whole cell.
 */
export function writeVector(bytes: Buffer, from: number, to: number, out: CellOutput): void {
  if ((to - from) % 4 !== 0) throw unreadable(`a vector of ${to - from} bytes`)
  const parts: string[] = []
  for (let at = from; at < to; at += 4) parts.push(floatText(bytes.readFloatLE(at)))
  out.text(`{${parts.join(',')}}`)
}
