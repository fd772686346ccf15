import { errorCode, errorMessage, TailraceError } from '../../errors.ts'
import type { File, Fs } from './fs.ts'

/** What the log holds cannot be trusted any more. `at`: the byte where that shows. */
export function damaged(file: string, at: number, why: string, cause?: unknown): TailraceError {
  return new TailraceError('LOG_DAMAGED', 'stop', `The log is damaged: ${file} at byte ${at}: ${why}.`, {
    cause,
    hint: 'Keep the directory, check the disk, and restore it from a backup, or remove it and load the source again. Nothing was changed.',
  })
}

/** Nothing can be kept in the log's directory. */
export function unusable(folder: string, cause: unknown): TailraceError {
  return new TailraceError('LOG_PATH', 'stop', `The log directory ${folder} cannot be used: ${errorMessage(cause)}`, {
    cause,
    hint: 'Set log.path to a directory that this user may make and write to.',
  })
}

/** Opens a file that must be there. Throws LOG_DAMAGED if it is not. */
export async function openExisting(fs: Fs, path: string): Promise<File> {
  try {
    return await fs.open(path, 'read')
  } catch (cause) {
    throw errorCode(cause) === 'ENOENT' ? damaged(path, 0, 'the file is missing', cause) : cause
  }
}

export function fsyncFailed(what: string, cause: unknown): TailraceError {
  return new TailraceError('LOG_FSYNC', 'stop', `Writing ${what} through to the disk failed: ${errorMessage(cause)}`, {
    cause,
    hint: 'Check the disk (dmesg, smartctl). Nothing that was acknowledged is lost; start again once the disk is well.',
  })
}

export function writeFailed(what: string, cause: unknown): TailraceError {
  const code = errorCode(cause)
  if (code === 'ENOSPC' || code === 'EDQUOT')
    return new TailraceError('LOG_DISK_FULL', 'retry', `The disk is full: ${what} could not be written.`, {
      cause,
      hint: 'Free some room, or move log.path to a larger disk. Nothing is lost: the source waits.',
    })
  return new TailraceError('LOG_WRITE', 'retry', `Writing ${what} failed: ${errorMessage(cause)}`, {
    cause,
    hint: 'Check the disk and the permissions of log.path.',
  })
}

/** A failed fsync says nothing about what is on the disk and must never be tried again: LOG_FSYNC. */
export async function syncFile(file: File, name: string): Promise<void> {
  try {
    await file.sync()
  } catch (cause) {
    throw fsyncFailed(name, cause)
  }
}

export async function syncFolder(fs: Fs, folder: string): Promise<void> {
  try {
    await fs.syncFolder(folder)
  } catch (cause) {
    throw fsyncFailed(`the directory ${folder}`, cause)
  }
}

export function expired(): TailraceError {
  return new TailraceError('CURSOR_EXPIRED', 'retry', 'What lay behind the cursor was compacted away.', {
    hint: 'Start again without a cursor: with the current rows.',
  })
}

/** What would have to wait for room. */
export function logFull(folder: string): TailraceError {
  return new TailraceError(
    'LOG_FULL',
    'retry',
    `The log in ${folder} has reached its limit, and a change waits for room.`,
    {
      hint: 'Raise log.maxBytes; nothing was dropped.',
    },
  )
}
