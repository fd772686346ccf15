import { existsSync, rmSync } from 'node:fs'
import type { SinkContext } from '../../runtime/contract.ts'
import { CATALOG, Database } from '../duckdb-file/database.ts'
import { CURSORS, createOwnTables, OWN_SCHEMA } from '../duckdb-file/owner.ts'
import { type Files, GENERATIONS, removeGeneration } from './generations.ts'

/**
 * Drops every table the sink made, of all generations, the copy for readers, and the file if nothing else is in it.
 * Answers a line for each.
 */
export async function removeAll(files: Files, context: SinkContext): Promise<string[]> {
  const { path, copy } = files
  const done: string[] = []
  if (existsSync(path)) done.push(...(await removeTables(files, context)))
  if (copy !== undefined && existsSync(copy)) {
    rmSync(copy)
    done.push(`removed ${copy}`)
  }
  return done
}

async function removeTables(files: Files, context: SinkContext): Promise<string[]> {
  const { path } = files
  const done: string[] = []
  let isEmpty = false
  {
    await using database = await Database.open(path, files)
    await database.transaction(async () => {
      await createOwnTables(database)
      for (const generation of GENERATIONS)
        for (const name of await removeGeneration(database, context, generation))
          done.push(`dropped ${name} in ${path}`)
      const left = await database.query(
        `SELECT 1 FROM ${CURSORS} UNION ALL SELECT 1 FROM information_schema.tables
         WHERE table_catalog = '${CATALOG}' AND table_schema <> '${OWN_SCHEMA}'`,
      )
      isEmpty = left.length === 0
    })
  }
  if (isEmpty) {
    for (const suffix of ['', '.wal', '.wal.stale', '.rewritten', '.rewritten.wal'])
      rmSync(`${path}${suffix}`, { force: true })
    done.push(`removed ${path}`)
  }
  return done
}
