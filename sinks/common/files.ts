import { type FileHandle, open, readFile, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { errorCode, errorMessage, isTailraceError, TailraceError } from '../../runtime/errors.ts'

/** File access whose result outlives a power cut, with errors that say what to do. */

/** Makes a file durable, or the entries of a folder: names of files created, renamed or removed in it. */
export async function sync(path: string): Promise<void> {
  await using file = await open(path, 'r')
  await file.sync()
}

/** Replaces a file as a whole: after a crash it is the old or the new one. */
export async function replaceFile(path: string, content: string): Promise<void> {
  const file = await replaceOpen(path, content)
  await file.close()
  await sync(dirname(path))
}

/** The same, durable once the folder is synced. Answers the new file, open. */
export async function replaceOpen(path: string, content: string): Promise<FileHandle> {
  const scratch = `${path}.tmp`
  const file = await open(scratch, 'w', 0o600)
  try {
    await file.writeFile(content)
    await file.sync()
    await rename(scratch, path)
    return file
  } catch (error) {
    await file.close()
    throw error
  }
}

/** The parsed content of a JSON file; undefined if there is none. */
export async function readJson(path: string): Promise<unknown> {
  let content: string
  try {
    content = await readFile(path, 'utf8')
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined
    throw error
  }
  try {
    return JSON.parse(content)
  } catch (cause) {
    throw new TailraceError('SINK_DAMAGED', 'stop', `${path} is not JSON.`, {
      cause,
      hint: 'Remove it: the sink is then built anew from the log.',
    })
  }
}

export async function removeFolder(path: string): Promise<void> {
  await rm(path, { recursive: true, force: true })
}

/** Errors of the file system as errors of the sink. */
export function fileError(cause: unknown, path: string): unknown {
  if (isTailraceError(cause)) return cause
  const code = errorCode(cause)
  if (code === 'ENOSPC' || code === 'EDQUOT')
    return new TailraceError('TARGET_FULL', 'retry', `There is no room left for ${path}.`, {
      cause,
      hint: 'Free some space or move `path` of the sink; it goes on by itself.',
    })
  if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS')
    return new TailraceError('TARGET_UNWRITABLE', 'stop', `${path} cannot be written (${code}).`, {
      cause,
      hint: 'Give the folder to the user that runs Tailrace, then resume the sink.',
    })
  if (code === undefined) return cause
  return new TailraceError('TARGET_IO', 'retry', `Writing to ${path} failed: ${errorMessage(cause)}`, {
    cause,
    hint: 'See the operating system for the state of the disk.',
  })
}
