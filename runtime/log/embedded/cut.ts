import { join } from 'node:path'
import { isTailraceError } from '../../errors.ts'
import { syncFile, syncFolder, writeFailed } from './failures.ts'
import { type Fs, writeFully } from './fs.ts'
import type { Head } from './head.ts'
import type { Place } from './scan.ts'
import { segmentFirst, segmentName } from './segment.ts'

const BLOCK = 1024 * 1024

/**
 * Removes all that lies behind the last whole unit, newest first, so that a crash half way leaves a log that the next
 * opening cuts at the same place. Durable on return. Throws LOG_FSYNC, LOG_WRITE.
 */
export async function cutTail(fs: Fs, folder: string, { place, appendedFrom }: Head): Promise<void> {
  try {
    const firsts = (await fs.list(folder)).flatMap(name => segmentFirst(name) ?? []).sort((a, b) => b - a)
    const behind = place === undefined ? appendedFrom : place.segment + 1
    for (const first of firsts) if (first >= behind) await fs.remove(join(folder, segmentName({ first })))
    if (place !== undefined) {
      const path = join(folder, segmentName({ first: place.segment }))
      await using file = await fs.open(path, 'update')
      if ((await file.size()) > place.at) await file.truncate(place.at)
      await syncFile(file, path)
    }
  } catch (cause) {
    throw isTailraceError(cause) ? cause : writeFailed(`the log in ${folder}`, cause)
  }
  await syncFolder(fs, folder)
}

/**
 * Makes durable what was found behind `from`. It is written once more, byte for byte: after a failed fsync the kernel
 * may hold pages as clean that never reached the disk, and a plain fsync would then lie.
 */
export async function settle(fs: Fs, folder: string, head: Head, from: Place | undefined): Promise<void> {
  for (const segment of head.segments) {
    const { first, bytes } = segment
    if (first < (from?.segment ?? head.appendedFrom)) continue
    const path = join(folder, segmentName(segment))
    try {
      await using file = await fs.open(path, 'update')
      const block = Buffer.alloc(BLOCK)
      for (let at = first === from?.segment ? from.at : 0; at < bytes; at += BLOCK) {
        const read = await file.read(block.subarray(0, Math.min(BLOCK, bytes - at)), at)
        await writeFully(file, [block.subarray(0, read)], at)
      }
      await syncFile(file, path)
    } catch (cause) {
      throw isTailraceError(cause) ? cause : writeFailed(path, cause)
    }
  }
  await syncFolder(fs, folder)
}
