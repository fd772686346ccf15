import { chmodSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { errorMessage, TailraceError } from '../../errors.ts'
import { unusable } from './failures.ts'

export interface Lock {
  release(): void
}

/** f_type of statfs(2) on Linux: file systems whose locks do not hold between machines, or whose fsync means little. */
const NETWORK_FILE_SYSTEMS = new Map([
  [0x6969, 'NFS'],
  [0x517b, 'SMB'],
  [0xfe534d42, 'SMB2'],
  [0xff534d42, 'CIFS'],
  [0x01021997, '9P'],
  [0x5346414f, 'AFS'],
  [0x00c36400, 'Ceph'],
  [0x73757245, 'Coda'],
  [0x0bd00bd0, 'Lustre'],
])

/** Throws LOG_FILESYSTEM. `type`: as statfs answers it, there signed. */
export function refuseNetworkFileSystem(folder: string, type: number): void {
  const name = process.platform === 'linux' ? NETWORK_FILE_SYSTEMS.get(type >>> 0) : undefined
  if (name === undefined) return
  throw new TailraceError(
    'LOG_FILESYSTEM',
    'stop',
    `The log directory ${folder} is on a network file system (${name}).`,
    {
      hint: 'Locks and fsync cannot be relied on there. Set log.path to a local disk.',
    },
  )
}

/**
 * Holds the log's lock until released or the process ends, however it ends: a lock of the kernel, taken through
 * SQLite because Node has no flock. Throws LOG_LOCKED, LOG_PATH. The file must not be opened in any other way meanwhile: closing
 * it would drop the lock of the whole process.
 */
export function acquireLock(folder: string): Lock {
  const path = join(folder, 'lock')
  let database: DatabaseSync | undefined
  try {
    database = new DatabaseSync(path)
    chmodSync(path, 0o600)
    database.exec('PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE')
  } catch (cause) {
    database?.close()
    if (!/locked|busy/.test(errorMessage(cause))) throw unusable(folder, cause)
    throw new TailraceError('LOG_LOCKED', 'stop', `The log in ${folder} is in use by another process.`, {
      cause,
      hint: 'Another `tailrace run` works on the same log.path. Stop it, or give this one a path of its own.',
    })
  }
  const held = database
  return { release: () => held.close() }
}
