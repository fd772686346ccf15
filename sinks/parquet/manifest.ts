import { TailraceError } from '../../runtime/errors.ts'
import type { Layout } from '../duckdb-file/layout.ts'

/**
 * `_manifest.json`: the list of files that are one whole set, and the cursors that the set stands at. Its replacement, in
 * one step, is what publishes. A reader takes the list once and reads these files, which nobody changes.
 */
export interface Manifest {
  readonly format: 1
  /** Random, of the set: the store knows by it whether it goes on from this one. */
  readonly set: string
  /** Raised by each opening: a writer that finds a higher one has been replaced. */
  readonly epoch: number
  /** Of the set: one more with each. */
  readonly sequence: number
  readonly pipeline: string
  readonly sink: string
  readonly mode: Mode
  /** ISO 8601. */
  readonly writtenAt: string
  readonly sources: Readonly<Record<string, SourceCursor>>
  /** By full name, `source.schema.table`. */
  readonly tables: Readonly<Record<string, SetTable>>
  /** Files of former sets that readers may still be at. They go some time after they were replaced. */
  readonly replaced: readonly Replaced[]
}

export type Mode = 'changes' | 'rows'

/** Up to where the set has a source's changes, and the log that the cursor belongs to. */
export interface SourceCursor {
  readonly log: string
  readonly cursor: string | null
}

export interface SetTable {
  readonly folder: string
  readonly incarnation: number
  /** How the newest of the files are laid out. */
  readonly layout: Layout
  /** The columns of the files, in SQL types, each form once. */
  readonly schemas: readonly (readonly FileColumn[])[]
  readonly files: readonly SetFile[]
}

export interface FileColumn {
  readonly name: string
  readonly type: string
}

export interface SetFile {
  /** Below the place of the manifest, with slashes. */
  readonly path: string
  readonly rows: number
  readonly bytes: number
  /** In decimal; of files whose rows have versions. */
  readonly minVersion?: string
  readonly maxVersion?: string
  /** Place in `schemas`. */
  readonly schema: number
}

export interface Replaced {
  readonly path: string
  /** ISO 8601. */
  readonly since: string
}

export const MANIFEST = '_manifest.json'

/** Throws SINK_DAMAGED. `name`: of the place, for the message. */
export function parseManifest(text: string, name: string): Manifest {
  let found: Partial<Manifest> | null
  try {
    found = JSON.parse(text) as Partial<Manifest> | null
  } catch {
    found = null
  }
  if (found?.format === 1 && typeof found.set === 'string') return found as Manifest
  throw new TailraceError('SINK_DAMAGED', 'stop', `${MANIFEST} in ${name} is none that this version can read.`, {
    hint: 'Move it away: the sink is then built anew from the log.',
  })
}

export function manifestText(manifest: Manifest): string {
  return `${JSON.stringify(manifest, undefined, 1)}\n`
}

/** Paths of all files that the manifest knows of. */
export function listedFiles({ tables, replaced }: Manifest): Set<string> {
  const files = Object.values(tables).flatMap(table => table.files)
  return new Set([...files, ...replaced].map(({ path }) => path))
}
