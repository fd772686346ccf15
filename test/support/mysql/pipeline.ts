/** A pipeline from a database of a MySQL or MariaDB server into a file of SQLite. */
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { start, type TestPipeline } from '../../../runtime/testing.ts'
import type { MysqlServer } from './server.ts'

/** `source`: options over those that are needed. The source is called `app`. */
export async function mysqlPipeline(server: MysqlServer, database: string, source: object = {}): Promise<TestPipeline> {
  return await start({
    config: {
      pipeline: 'shop',
      log: { type: 'embedded', path: './data' },
      sources: { app: { type: 'mysql', url: `${server.url()}?sslmode=disable`, tables: [`${database}.*`], ...source } },
      sinks: { copy: { type: 'sqlite', path: './copy.db' } },
    },
  })
}

/** Of each row that SQLite has, by `id`. */
export function copiedColumn(t: TestPipeline, database: string, table: string, name: string): unknown[] {
  using copy = new DatabaseSync(join(t.folder, 'copy.db'), { readOnly: true })
  return copy
    .prepare(`SELECT ${name} AS v FROM "${database}_${table}" ORDER BY id`)
    .all()
    .map(({ v }) => v)
}
