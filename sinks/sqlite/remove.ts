import { existsSync, rmSync } from 'node:fs'
import type { SinkContext } from '../../runtime/contract.ts'
import { CATALOG, Catalog } from './catalog.ts'
import { CURSORS, CursorRow } from './cursor-row.ts'
import { Database } from './database.ts'
import { GENERATIONS, removeGeneration } from './generations.ts'

/** Drops every table the sink made, of all generations, and the file if nothing else is in it. Answers a line for each. */
export function removeAll(path: string, context: SinkContext): string[] {
  if (!existsSync(path)) return []
  const done: string[] = []
  let isEmpty = false
  {
    using database = new Database(path)
    database.transaction(() => {
      CursorRow.create(database)
      Catalog.create(database)
      for (const generation of GENERATIONS)
        for (const name of removeGeneration(database, context, generation)) done.push(`dropped ${name} in ${path}`)
      const others = database.prepare(
        `SELECT (SELECT count(*) FROM ${CURSORS}) + (SELECT count(*) FROM sqlite_schema
         WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND name NOT IN ('${CURSORS}', '${CATALOG}')) AS n`,
      )
      isEmpty = others.get()!.n === 0
    })
  }
  if (isEmpty) {
    for (const suffix of ['', '-wal', '-shm']) rmSync(`${path}${suffix}`, { force: true })
    done.push(`removed ${path}`)
  }
  return done
}
