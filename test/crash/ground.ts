import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Site } from './pipeline-process.ts'
import type { TableName } from './tables.ts'

/** A row as its database prints it. */
export type TextRow = Readonly<Record<string, string | null>>

/** Looks whether the source was told more than the log holds. */
export interface AckWatch extends AsyncDisposable {
  readonly ahead: readonly string[]
  readonly samples: number
  /** Of a log that does not move. */
  checkAgainst(durable: string): Promise<void>
}

/** A database with the writer's tables, and a folder with the configuration of a pipeline over it. Gone afterwards. */
export interface Ground extends AsyncDisposable {
  readonly url: string
  readonly site: Site
  /** The end of the source's own log. */
  head(): Promise<string>
  /** Bytes of it from a position of ours to such an end. */
  behind(head: string, position: string): number
  /** All rows, by the columns of the oracle in their order. */
  rows(table: TableName): AsyncIterable<TextRow>
  /** What the sinks should say of a row: the value in `files`, the cells of `rows` as JSON. */
  inFiles(table: TableName, row: TextRow): string
  inRows(row: TextRow): string
  watch(durable: () => Promise<string | undefined>): Promise<AckWatch>
}

/** Gone with `resources`. */
export async function groundFolder(resources: AsyncDisposableStack): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'tailrace-oracle-'))
  resources.defer(() => rm(folder, { recursive: true, force: true }))
  return folder
}
