import { DuckDBInstance } from '@duckdb/node-api'

/** What DuckDB's own client reads of a file: values as JSON knows them, lists as arrays, times as DuckDB prints them. */
export async function queryFile(path: string, sql: string): Promise<Record<string, unknown>[]> {
  const instance = await DuckDBInstance.create(path, { access_mode: 'READ_ONLY' })
  const connection = await instance.connect()
  try {
    return await (await connection.run(sql)).getRowObjectsJson()
  } finally {
    connection.closeSync()
    instance.closeSync()
  }
}
