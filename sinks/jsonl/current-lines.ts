import { foldFiles, type KeyParts, rowEnds, type StateRow } from './fold.ts'
import { readRange } from './line-reader.ts'

const PIECE_BYTES = 256 * 1024

/** The lines that say what all lines of the parts say, of the rows to keep. In pieces. */
export async function* currentLines(
  parts: KeyParts,
  keeps: (row: StateRow) => boolean,
  count: (rows: number) => void,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  for (const files of parts.files) {
    const rows = await foldFiles(files, signal)
    const kept = [...rows.values()].filter(keeps)
    count(kept.length)
    let piece: string[] = []
    let size = 0
    for (const row of kept) {
      const [before, behind] = rowEnds(row)
      piece.push(before)
      if (typeof row.value === 'string') piece.push(row.value)
      else {
        yield Buffer.from(piece.join(''))
        yield* readRange(row.value)
        piece = []
        size = 0
      }
      piece.push(behind)
      size += before.length + row.value.length + behind.length
      if (size < PIECE_BYTES) continue
      yield Buffer.from(piece.join(''))
      piece = []
      size = 0
    }
    if (piece.length > 0) yield Buffer.from(piece.join(''))
  }
}
