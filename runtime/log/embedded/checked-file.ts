import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import { errorCode, isTailraceError } from '../../errors.ts'
import { syncFile, syncFolder, writeFailed } from './failures.ts'
import { type Fs, writeFully } from './fs.ts'

/**
 * Small files of one JSON value with a checksum, replaced as a whole. A crash leaves the old value or the new one.
 * Durable on return. Throws LOG_FSYNC, LOG_DISK_FULL, LOG_WRITE.
 */
export async function replaceChecked(fs: Fs, folder: string, name: string, value: unknown): Promise<void> {
  const json = JSON.stringify(value)
  const path = join(folder, name)
  const draft = `${path}.new`
  try {
    await using file = await fs.open(draft, 'replace')
    await writeFully(file, [Buffer.from(`${checksum(json)} ${json}\n`)], 0)
    await syncFile(file, draft)
    await fs.rename(draft, path)
  } catch (cause) {
    throw isTailraceError(cause) ? cause : writeFailed(path, cause)
  }
  await syncFolder(fs, folder)
}

export type Checked =
  | { readonly state: 'missing' }
  | { readonly state: 'damaged' }
  | { readonly state: 'found'; readonly value: unknown }

export async function readChecked(fs: Fs, folder: string, name: string): Promise<Checked> {
  const bytes = await readWhole(fs, join(folder, name))
  if (bytes === undefined) return { state: 'missing' }
  const text = bytes.toString('utf8')
  const json = text.slice(9, -1)
  if (text !== `${checksum(json)} ${json}\n`) return { state: 'damaged' }
  return { state: 'found', value: JSON.parse(json) }
}

/** The file's content; undefined if there is none. */
export async function readWhole(fs: Fs, path: string): Promise<Buffer | undefined> {
  try {
    await using file = await fs.open(path, 'read')
    const bytes = Buffer.alloc(await file.size())
    return bytes.subarray(0, await file.read(bytes, 0))
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined
    throw error
  }
}

function checksum(json: string): string {
  return crc32(json).toString(16).padStart(8, '0')
}
