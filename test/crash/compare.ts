import type { PostgresServer, TextRow } from '../support/postgres.ts'
import { expectedJson } from './expected-json.ts'
import { jsonlRows } from './jsonl-reader.ts'
import type { Site } from './pipeline-process.ts'
import { sqliteRows } from './sqlite-reader.ts'
import { columns, keyColumns, keyNumber, TABLES, type TableName } from './tables.ts'

const PAGE_ROWS = 20_000

/** What the rows of a table are in one sink, each as text that can be compared; taken out when compared. */
interface SinkRows {
  readonly sink: string
  readonly rows: Map<number, string>
  /** What it should say of a row of the source. */
  readonly expected: (row: TextRow) => string
}

/** Compares every column of every row of every table by key, at rest. Names what differs. */
export async function compareAtRest(server: PostgresServer, database: string, site: Site): Promise<string[]> {
  const differences: string[] = []
  for (const table of TABLES) {
    const sinks: SinkRows[] = [
      { sink: 'files', rows: jsonlRows(site.jsonl, table), expected: row => expectedJson(table, row) },
      { sink: 'rows', rows: sqliteRows(site.sqlite, table), expected: row => JSON.stringify(Object.values(row)) },
    ]
    for await (const row of sourceRows(server, database, table)) {
      const key = keyNumber(
        table,
        keyColumns(table).map(name => row[name] ?? null),
      )
      for (const { sink, rows, expected } of sinks) {
        const there = rows.get(key)
        rows.delete(key)
        if (there === undefined) differences.push(`${sink} lacks ${table}/${key}`)
        else if (there !== expected(row))
          differences.push(`${sink} has ${table}/${key} as ${there}, not ${expected(row)}`)
      }
    }
    for (const { sink, rows } of sinks)
      for (const key of rows.keys()) differences.push(`${sink} still has ${table}/${key}`)
  }
  return differences
}

async function* sourceRows(server: PostgresServer, database: string, table: TableName): AsyncGenerator<TextRow> {
  const client = await server.connect(database)
  try {
    await client.query("BEGIN; SET LOCAL timezone = 'UTC'")
    await client.query(`DECLARE rows NO SCROLL CURSOR FOR SELECT ${columns(table).join(', ')} FROM ${table}`)
    for (;;) {
      const { rows } = await client.query<TextRow>(`FETCH ${PAGE_ROWS} FROM rows`)
      if (rows.length === 0) return
      yield* rows
    }
  } finally {
    await client.end()
  }
}
