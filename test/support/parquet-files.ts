import { existsSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import type { Manifest } from '../../sinks/parquet/manifest.ts'

/** Parquet files and their manifest, read as users read them. */

export async function readManifest(folder: string): Promise<Manifest> {
  return JSON.parse(await readFile(join(folder, '_manifest.json'), 'utf8')) as Manifest
}

/** Paths of all Parquet files that are there, listed or not, relative and in order. */
export async function parquetFiles(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true })
  return entries.filter(name => name.endsWith('.parquet') && !name.startsWith('_')).sort()
}

/** Answers rows as JSON knows them. */
export async function queryMemory(sql: string): Promise<Record<string, unknown>[]> {
  const instance = await DuckDBInstance.create(':memory:')
  const connection = await instance.connect()
  try {
    await connection.run("SET TimeZone = 'UTC'")
    return await (await connection.run(sql)).getRowObjectsJson()
  } finally {
    connection.closeSync()
    instance.closeSync()
  }
}

/** The files of a table in a manifest, as a table of SQL; undefined: it has none. */
export function filesOf(manifest: Manifest, folder: string, table: string): string | undefined {
  const files = manifest.tables[table]?.files ?? []
  if (files.length === 0) return undefined
  return `read_parquet([${files.map(({ path }) => `'${join(folder, path).replaceAll("'", "''")}'`).join(', ')}], union_by_name = true)`
}

/** `sql` of a table named `t`, which is what the manifest has of it now. */
export async function queryTable(folder: string, table: string, sql: string): Promise<Record<string, unknown>[]> {
  const from = filesOf(await readManifest(folder), folder, table)
  return from === undefined ? [] : queryMemory(`WITH t AS (SELECT * FROM ${from}) ${sql}`)
}

/** All that the Parquet files of a folder say, in one text. */
export async function parquetTexts(folder: string): Promise<string> {
  const texts: string[] = []
  if (!existsSync(folder)) return ''
  for (const path of await readdir(folder, { recursive: true }))
    if (path.endsWith('.parquet')) {
      const rows = await queryMemory(`SELECT t::VARCHAR AS text FROM read_parquet('${join(folder, path)}') AS t`)
      texts.push(...rows.map(({ text }) => String(text)))
    }
  return texts.join('\n')
}
