/**
 * What `--tamper` does to every sink behind the pipeline's back: one customer gets another name, one goes, one comes.
 * The comparison must find all three, in each sink.
 */
export const TABLE = 'customers'
export const CHANGED = 77
export const REMOVED = 88
export const ADDED = 99_000_001

/** `table` as the database calls it. */
export function tamperStatements(table: string, columns: readonly string[]): string[] {
  const values = columns.map(name => (name === 'id' ? ADDED : name))
  return [
    'begin',
    `update ${table} set name = name || '!' where id = ${CHANGED}`,
    `insert into ${table} (${columns.join(', ')}) select ${values.join(', ')} from ${table} where id = ${REMOVED}`,
    `delete from ${table} where id = ${REMOVED}`,
    'commit',
  ]
}

/** A line or value of JSON with one more sign in the name. */
export function tamperedJson(row: string): string {
  return row.replace('"name":"', '"name":"!')
}

/** The removed row's JSON as that of the added one. */
export function addedJson(row: string): string {
  return row.replaceAll(`${REMOVED}`, `${ADDED}`)
}
