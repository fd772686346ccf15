import { errorMessage } from '../../runtime/errors.ts'
import { CATALOG, type Database, quote } from '../duckdb-file/database.ts'
import type { Layout } from '../duckdb-file/layout.ts'

/** An index that users made on a table of the sink. DuckDB alters no table that has one. */
export interface UserIndex {
  readonly schema: string
  readonly name: string
  readonly sql: string
}

/** Drops them all and answers how to make them again. */
export async function dropUserIndexes(database: Database, { schema, table }: Layout): Promise<UserIndex[]> {
  const rows = await database.query(
    `SELECT index_name, sql FROM duckdb_indexes()
     WHERE database_name = '${CATALOG}' AND schema_name = $1 AND table_name = $2 ORDER BY index_oid`,
    [schema, table],
  )
  const indexes = rows.map(row => ({ schema, name: String(row.index_name), sql: String(row.sql) }))
  for (const { name } of indexes) await database.run(`DROP INDEX ${[CATALOG, schema, name].map(quote).join('.')}`)
  return indexes
}

/** Indexes that the tables refuse. */
const REFUSED = /^(Binder|Catalog|Constraint) Error/

/**
 * Makes them on the tables that have those names now, without those in `unfit`. Throws at the first that is refused, and
 * puts it there with the reason.
 */
export async function makeUserIndexes(
  database: Database,
  indexes: readonly UserIndex[],
  unfit: Map<string, string>,
): Promise<void> {
  for (const { schema, name, sql } of indexes) {
    const id = `${schema}.${name}`
    if (unfit.has(id)) continue
    try {
      await database.run(sql)
    } catch (error) {
      const kind = REFUSED.exec(errorMessage(error))
      // The rest of the message may quote values.
      if (kind !== null) unfit.set(id, kind[0])
      throw error
    }
  }
}

/** Runs `work` while names without a database are those of the file, as in the SQL that DuckDB has of an index. */
export async function withNamesOf<T>(database: Database, work: () => Promise<T>): Promise<T> {
  await database.exclusive(() => database.run(`USE ${CATALOG}`))
  try {
    return await work()
  } finally {
    // Fails where DuckDB has given up on the whole database; what it gave up for is the error to tell.
    await database.exclusive(() => database.run('USE memory')).catch(() => {})
  }
}
