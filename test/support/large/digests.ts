import { createHash } from 'node:crypto'
import pg from 'pg'
import type { PostgresServer } from '../postgres.ts'

/**
 * Rows as what they are everywhere: per column the MD5 of its value, of the text as the source prints it, or of the bytes
 * themselves for `bytea`. A value of 100 MB is then compared without being held twice.
 */
export type RowDigest = Readonly<Record<string, string | null>>

export interface DigestedTable {
  /** Of schema public, key `id`. */
  readonly name: string
  readonly columns: readonly string[]
  /** Those that are `bytea`. */
  readonly bytes: ReadonlySet<string>
}

export function digestOf(value: string | Uint8Array): string {
  return createHash('md5').update(value).digest('hex')
}

export async function sourceRows(
  server: PostgresServer,
  database: string,
  { name, columns, bytes }: DigestedTable,
): Promise<Map<string, RowDigest>> {
  const digests = columns.map(column => {
    const quoted = pg.escapeIdentifier(column)
    return `md5(${quoted}${bytes.has(column) ? '' : '::text'}) AS ${quoted}`
  })
  const rows = await server.sql(`SELECT id AS "row id", ${digests.join(', ')} FROM ${name}`, [], database)
  return new Map(rows.map(({ 'row id': id, ...digest }) => [id!, digest]))
}

/** What differs, in words; nothing if all is equal. */
export function differences(expected: ReadonlyMap<string, RowDigest>, found: ReadonlyMap<string, RowDigest>): string[] {
  const different: string[] = []
  for (const [id, row] of expected) {
    const there = found.get(id)
    if (there === undefined) different.push(`row ${id} is missing`)
    else
      for (const [column, digest] of Object.entries(row))
        if (there[column] !== digest) different.push(`row ${id} differs in ${column}`)
  }
  for (const id of found.keys()) if (!expected.has(id)) different.push(`row ${id} is not in the table`)
  return different
}
