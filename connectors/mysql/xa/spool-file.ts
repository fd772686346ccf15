import { type FileHandle, open } from 'node:fs/promises'
import { errorCode } from '../../../runtime/errors.ts'
import { giveBack } from '../../../runtime/large-memory.ts'
import { readU32LE } from '../../../runtime/record/cells.ts'
import { spoolFailed, spoolLost } from './errors.ts'
import { CHUNK_HEAD, chunkChecksum, MARK, nameChecksum } from './spool-format.ts'

/**
 * The events of the file in chunks (see eventEnd), each valid until the next is asked for: memory is bounded by the
 * largest event. Throws XA_LOST if the file is missing or damaged, in so far as it was read.
 */
export async function* readSpool(path: string, name: string): AsyncGenerator<Buffer, void, void> {
  await using file = await opened(path)
  try {
    let left = (await file.stat()).size - MARK.length
    const mark = Buffer.alloc(MARK.length)
    await readWhole(file, mark, mark.length)
    if (!mark.equals(MARK)) throw spoolLost('damaged')
    const head = Buffer.alloc(CHUNK_HEAD)
    let chunk: Buffer = Buffer.alloc(0)
    let checksum = nameChecksum(name)
    for (;;) {
      await readWhole(file, head, CHUNK_HEAD)
      const size = readU32LE(head, 0)
      left -= CHUNK_HEAD + size
      if (left < 0) throw spoolLost('damaged')
      if (chunk.length < size) {
        giveBack(chunk)
        chunk = Buffer.allocUnsafeSlow(size)
      }
      const bytes = chunk.subarray(0, size)
      await readWhole(file, bytes, size)
      if (size > 0) checksum = chunkChecksum(bytes, checksum)
      if (checksum !== readU32LE(head, 4)) throw spoolLost('damaged')
      if (size === 0) return
      yield bytes
    }
  } catch (error) {
    throw errorCode(error) === undefined ? error : spoolFailed(error)
  }
}

async function opened(path: string): Promise<FileHandle> {
  try {
    return await open(path)
  } catch (error) {
    throw errorCode(error) === 'ENOENT' ? spoolLost('not there any more') : spoolFailed(error)
  }
}

async function readWhole(file: FileHandle, into: Buffer, size: number): Promise<void> {
  for (let at = 0; at < size; ) {
    const { bytesRead } = await file.read(into, at, size - at)
    if (bytesRead === 0) throw spoolLost('damaged')
    at += bytesRead
  }
}
