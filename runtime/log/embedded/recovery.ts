import { join } from 'node:path'
import type { Checkpoint } from './checkpoint.ts'
import { CHUNK_HEADER, CHUNK_MAGIC, decodeChunkHeader } from './chunk.ts'
import type { Cursors } from './cursors.ts'
import { damaged, openExisting } from './failures.ts'
import type { File, Fs } from './fs.ts'
import type { Head } from './head.ts'
import type { Manifest } from './manifest.ts'
import type { Mark } from './mark.ts'
import { segmentFirst, segmentName } from './segment.ts'
import { type WalkEnd, walkUnits } from './unit-walk.ts'

const SEARCH_WINDOW = 1024 * 1024

/**
 * Reads a log that a process has left into a head that stands at its checkpoint, or is empty; it then stands at the last
 * unit end with a sound chain. What lies behind is a torn unit, to be cut. If anything shows that it was durable before (a
 * later unit, the mark, the checkpoint), it is damage: LOG_DAMAGED, and nothing was touched.
 */
export async function recoverHead(
  place: { readonly fs: Fs; readonly folder: string; readonly logId: string },
  manifest: Manifest,
  head: Head,
  checkpoint: Checkpoint | undefined,
  mark: Mark | undefined,
): Promise<void> {
  const { fs, folder } = place
  const names = await fs.list(folder)
  const firsts = names.flatMap(name => segmentFirst(name) ?? []).filter(first => first >= manifest.first)
  firsts.sort((a, b) => a - b)
  if (checkpoint !== undefined) await compare(fs, folder, checkpoint)
  else if (firsts.length > 0 && firsts[0] !== manifest.first)
    throw damaged(join(folder, segmentName(manifest)), 0, 'the file is missing')
  const end = await walkUnits(place, head)
  const path = join(folder, segmentName({ first: end.segment }))
  const flaw = end.flaw ?? 'the log ends here'
  if (mark !== undefined && mark.end > head.end)
    throw damaged(path, end.at, `${flaw}, but it was durable up to offset ${mark.end}`)
  if (await isUnitBehind(fs, folder, firsts, end, head))
    throw damaged(path, end.at, `${flaw}, but later units are sound`)
}

/** Everything up to the checkpoint must still be there. */
async function compare(fs: Fs, folder: string, { segments }: Checkpoint): Promise<void> {
  for (const [i, segment] of segments.entries()) {
    const { bytes } = segment
    const path = join(folder, segmentName(segment))
    await using file = await openExisting(fs, path)
    const size = await file.size()
    const isLast = i === segments.length - 1 && segment.compacted === undefined
    if (size < bytes || (!isLast && size > bytes)) throw damaged(path, size, `it was ${bytes} bytes long`)
  }
}

/** No chunk of a unit is written before the unit ahead of it is durable: one of a later unit proves damage. */
async function isUnitBehind(
  fs: Fs,
  folder: string,
  firsts: readonly number[],
  end: WalkEnd,
  head: Head,
): Promise<boolean> {
  for (const first of firsts) {
    if (first < end.segment) continue
    await using file = await openExisting(fs, join(folder, segmentName({ first })))
    if (await holdsLaterUnit(file, first === end.segment ? end.at : 0, head.end + 1, head.cursors)) return true
  }
  return false
}

async function holdsLaterUnit(file: File, from: number, unitBase: number, cursors: Cursors): Promise<boolean> {
  const size = await file.size()
  const window = Buffer.alloc(Math.min(SEARCH_WINDOW, size))
  for (let at = from; at < size; at += SEARCH_WINDOW - CHUNK_HEADER) {
    const bytes = window.subarray(0, await file.read(window, at))
    for (let i = bytes.indexOf(CHUNK_MAGIC); i !== -1; i = bytes.indexOf(CHUNK_MAGIC, i + 1)) {
      const header = decodeChunkHeader(bytes, i)
      if (header !== undefined && header.unitBase > unitBase && cursors.knows(header.session)) return true
    }
  }
  return false
}
