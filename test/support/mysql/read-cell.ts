import { CellOutput } from '../../../connectors/mysql/values/cell-output.ts'
import type { CellReader } from '../../../connectors/mysql/values/cell-reader.ts'
import { cellEnd, cellText } from '../../../runtime/record/cells.ts'

/** What stands around a value in its event. */
const AROUND = 7

/** The cell that a reader writes of a value, which has to take all of its bytes and skip as many. */
export function readCell(reader: CellReader, value: Buffer): Buffer {
  const bytes = Buffer.concat([Buffer.alloc(AROUND, 0xff), value, Buffer.alloc(AROUND, 0xff)])
  const out = new CellOutput()
  const ends = [reader.read(bytes, AROUND, bytes.length, out), reader.skip(bytes, AROUND, bytes.length)]
  if (ends.some(end => end !== AROUND + value.length)) throw new Error(`ends at ${ends}, not ${AROUND + value.length}`)
  if (cellEnd(out.bytes, 0, out.at) !== out.at) throw new Error('more or less than a cell')
  return Buffer.from(out.bytes.subarray(0, out.at))
}

export function readText(reader: CellReader, value: Buffer | readonly number[]): string | null {
  const cell = readCell(reader, Buffer.from(value))
  return cellText(cell, 0, cell.length)
}

/** Each way to cut the value short: neither reading nor skipping may go beyond what is left. */
export function cutShort(reader: CellReader, value: Buffer): (() => unknown)[] {
  return Array.from({ length: value.length }, (_, end) => [
    () => reader.read(value, 0, end, new CellOutput()),
    () => reader.skip(value, 0, end),
  ]).flat()
}
