import { appendFile, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { dataFiles } from './jsonl-rows.ts'
import { openSqlite, sqliteTable } from './sqlite-rows.ts'

/**
 * Changes the sinks behind the pipeline's back, while it does not run: one customer gets another name, one goes, one
 * comes. The comparison must find all three, in each sink.
 */

const TABLE = 'customers'
const CHANGED = 77
const REMOVED = 88
const ADDED = 99_000_001

export function tamperSqlite(path: string): void {
  using database = openSqlite(path, { readOnly: false })
  const table = sqliteTable(TABLE)
  const columns = (database.prepare(`select name from pragma_table_info('${table}')`).all() as { name: string }[]).map(
    ({ name }) => name,
  )
  const values = columns.map(name => (name === 'id' ? ADDED : name))
  database.exec('begin')
  database.exec(`update ${table} set name = name || '!' where id = ${CHANGED}`)
  database.exec(
    `insert into ${table} (${columns.join(', ')}) select ${values.join(', ')} from ${table} where id = ${REMOVED}`,
  )
  database.exec(`delete from ${table} where id = ${REMOVED}`)
  database.exec('commit')
}

/** `folder`: that of the sink. */
export async function tamperJsonl(folder: string): Promise<void> {
  const own = join(folder, `public.${TABLE}`)
  const file = join(own, (await dataFiles(own)).at(-1)!)
  const lines = (await readFile(file, 'utf8')).trimEnd().split('\n')
  const newest = (id: number): string => lines.findLast(line => line.startsWith(`{"key":[${id}],`))!
  await appendFile(
    file,
    [
      newest(CHANGED).replace('"name":"', '"name":"!'),
      newest(REMOVED).replaceAll(`${REMOVED}`, `${ADDED}`),
      `{"key":[${REMOVED}],"value":null}`,
      lines.at(-1),
      '',
    ].join('\n'),
  )
}
