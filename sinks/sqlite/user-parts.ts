import { type Database, quote } from './database.ts'

/** An index or trigger that users made on a table of the sink. */
export interface UserPart {
  readonly type: string
  readonly name: string
  readonly sql: string
}

/** Drops them all and answers how to make them again, in the order they were made. */
export function dropUserParts(database: Database, table: string): UserPart[] {
  const find = database.prepare(
    `SELECT type, name, sql FROM sqlite_schema
     WHERE tbl_name = ? COLLATE NOCASE AND type IN ('index', 'trigger') AND sql IS NOT NULL ORDER BY rowid`,
  )
  const parts = find.all(table) as unknown as UserPart[]
  for (const { type, name } of parts) database.exec(`DROP ${type} ${quote(name)}`)
  return parts
}

/** Makes them on the tables that have those names now, and answers those that do not fit. */
export function makeUserParts(database: Database, parts: readonly UserPart[]): { name: string; reason: string }[] {
  return parts.flatMap(({ name, sql }) => {
    const reason = database.refusal(sql)
    return reason === undefined ? [] : { name, reason }
  })
}
