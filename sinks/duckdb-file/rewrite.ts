import { chmod, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { crashPoint } from '../../runtime/crash.ts'
import { sync } from '../common/files.ts'
import { CATALOG, type Database, literal } from './database.ts'

/** The name under which the new file is attached. */
const NEW = 'rewritten'

/**
 * Puts a copy of all that is in the file in its place: tables with their keys and indexes, views, and what else others
 * keep in it. After a crash it is the old file or the new one. Whoever has it open finds it replaced.
 */
export async function rewriteFile(database: Database, signal: AbortSignal): Promise<void> {
  const { path } = database
  const scratch = `${path}.${NEW}`
  await database.exclusive(async () => {
    signal.throwIfAborted()
    const interrupt = (): void => database.interrupt()
    signal.addEventListener('abort', interrupt, { once: true })
    try {
      await removeFile(scratch)
      // All of it goes into the file: no write-ahead log is to be left beside the new one.
      await database.run(`CHECKPOINT ${CATALOG}`)
      await database.run(`ATTACH ${literal(scratch)} AS ${NEW} (STORAGE_VERSION '${await storageVersion(database)}')`)
      try {
        await chmod(scratch, 0o600)
        await database.run(`COPY FROM DATABASE ${CATALOG} TO ${NEW}`)
        await database.run(`CHECKPOINT ${NEW}`)
      } catch (error) {
        // Fails where DuckDB has given up on the whole database; what it gave up for is the error to tell.
        await database.run(`DETACH ${NEW}`).catch(() => {})
        throw error
      }
      await database.run(`DETACH ${NEW}`)
      crashPoint('duckdb.rewritten')
      await sync(scratch)
      await rm(`${path}.wal`, { force: true })
      await rename(scratch, path)
      await sync(dirname(path))
    } catch (error) {
      await removeFile(scratch)
      signal.throwIfAborted()
      throw error
    } finally {
      signal.removeEventListener('abort', interrupt)
    }
  })
}

async function removeFile(path: string): Promise<void> {
  for (const suffix of ['', '.wal']) await rm(`${path}${suffix}`, { force: true })
}

/** The oldest version of DuckDB that can read the file. */
async function storageVersion(database: Database): Promise<string> {
  const [row] = await database.query(
    `SELECT tags['storage_version'] AS version FROM duckdb_databases() WHERE database_name = '${CATALOG}'`,
  )
  return String(row?.version).replace('+', '')
}
