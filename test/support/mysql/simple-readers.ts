import { cut } from '../../../connectors/mysql/binlog/binlog-error.ts'
import type { CellReader } from '../../../connectors/mysql/values/cell-reader.ts'

/** INT, as a number in text. */
export const intReader: CellReader = {
  read(bytes, at, end, out) {
    const next = this.skip(bytes, at, end)
    out.text(String(bytes.readInt32LE(at)))
    return next
  },
  skip(_bytes, at, end) {
    if (at + 4 > end) throw cut('an INT')
    return at + 4
  },
}

/** Text behind a length of `size` bytes: VARCHAR, BLOB, JSON ... */
export function sizedReader(size: number): CellReader {
  return {
    read(bytes, at, end, out) {
      const next = this.skip(bytes, at, end)
      out.copy(bytes, at + size, next)
      return next
    },
    skip(bytes, at, end) {
      if (at + size > end) throw cut('a text')
      const next = at + size + bytes.readUIntLE(at, size)
      if (next > end) throw cut('a text')
      return next
    },
  }
}

/** Any value of so many bytes, as hex. */
export function fixedReader(size: number): CellReader {
  return {
    read(bytes, at, end, out) {
      const next = this.skip(bytes, at, end)
      out.text(bytes.toString('hex', at, next))
      return next
    },
    skip(_bytes, at, end) {
      if (at + size > end) throw cut('a value')
      return at + size
    },
  }
}
