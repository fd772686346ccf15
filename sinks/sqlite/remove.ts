import { existsSync, rmSync } from 'node:fs'
import type { SinkContext } from '../../runtime/contract.ts'
import { Names } from '../../runtime/naming.ts'
import { CATALOG, Catalog } from './catalog.ts'
import { CURSORS, CursorRow } from './cursor-row.ts'
import { Database } from './database.ts'
import { TABLE_NAMES } from './layout.ts'

/** Drops every table the sink made, and the file if nothing else is in it. Answers a line for each. */
export function removeAll(path: string, context: SinkContext): string[] {
  if (!existsSync(path)) return []
  const { pipeline, name: sink } = context
  const done: string[] = []
  let isEmpty = false
  {
    using database = new Database(path)
    database.transaction(() => {
      CursorRow.create(database)
      Catalog.create(database)
      const options = { names: new Names('{table}', pipeline, TABLE_NAMES), search: new Map(), marks: false }
      for (const source of context.sources) {
        const catalog = new Catalog(database, { pipeline, sink, source }, options)
        for (const name of catalog.dropAll()) done.push(`dropped ${name} in ${path}`)
      }
      database.prepare(`DELETE FROM ${CURSORS} WHERE pipeline = ? AND sink = ?`).run(pipeline, sink)
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
