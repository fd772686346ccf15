import type { Ground, TextRow } from './ground.ts'
import { jsonlRows } from './jsonl-reader.ts'
import { sqliteRows } from './sqlite-reader.ts'
import { keyColumns, keyNumber, TABLES } from './tables.ts'

/** What the rows of a table are in one sink, each as text that can be compared; taken out when compared. */
interface SinkRows {
  readonly sink: string
  readonly rows: Map<number, string>
  /** What it should say of a row of the source. */
  readonly expected: (row: TextRow) => string
}

/** Compares every column of every row of every table by key, at rest. Names what differs. */
export async function compareAtRest(ground: Ground): Promise<string[]> {
  const { site } = ground
  const differences: string[] = []
  for (const table of TABLES) {
    const sinks: SinkRows[] = [
      { sink: 'files', rows: jsonlRows(site.jsonl, table), expected: row => ground.inFiles(table, row) },
      { sink: 'rows', rows: sqliteRows(site.sqlite, table), expected: row => ground.inRows(row) },
    ]
    for await (const row of ground.rows(table)) {
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
