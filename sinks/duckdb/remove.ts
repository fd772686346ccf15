import { existsSync, rmSync } from 'node:fs'
import type { SinkContext } from '../../runtime/contract.ts'
import { Names } from '../../runtime/naming.ts'
import { Catalog } from './catalog.ts'
import { CATALOG, Database, type DatabaseOptions } from './database.ts'
import { TABLE_NAMES } from './layout.ts'
import { CURSORS, createOwnTables, OWN_SCHEMA } from './owner.ts'

/** Drops every table the sink made, the copy for readers, and the file if nothing else is in it. Answers a line for each. */
export async function removeAll(
  path: string,
  snapshot: string | undefined,
  options: DatabaseOptions,
  context: SinkContext,
): Promise<string[]> {
  const done: string[] = []
  if (existsSync(path)) done.push(...(await removeTables(path, options, context)))
  if (snapshot !== undefined && existsSync(snapshot)) {
    rmSync(snapshot)
    done.push(`removed ${snapshot}`)
  }
  return done
}

async function removeTables(path: string, options: DatabaseOptions, context: SinkContext): Promise<string[]> {
  const { pipeline, name: sink } = context
  const done: string[] = []
  let isEmpty = false
  {
    await using database = await Database.open(path, options)
    const names = new Names('{table}', pipeline, TABLE_NAMES)
    const template = { schema: '{schema}', table: '{table}' }
    const catalogOptions = { names, template, history: false, marks: false, asText: new Set<string>() }
    await database.transaction(async () => {
      await createOwnTables(database)
      for (const source of context.sources) {
        const catalog = new Catalog(database, { pipeline, sink, source }, catalogOptions)
        for (const name of await catalog.dropAll()) done.push(`dropped ${name} in ${path}`)
      }
      await database.run(`DELETE FROM ${CURSORS} WHERE pipeline = $1 AND sink = $2`, [pipeline, sink])
      const left = await database.query(
        `SELECT 1 FROM ${CURSORS} UNION ALL SELECT 1 FROM information_schema.tables
         WHERE table_catalog = '${CATALOG}' AND table_schema <> '${OWN_SCHEMA}'`,
      )
      isEmpty = left.length === 0
    })
  }
  if (isEmpty) {
    for (const suffix of ['', '.wal', '.wal.stale']) rmSync(`${path}${suffix}`, { force: true })
    done.push(`removed ${path}`)
  }
  return done
}
