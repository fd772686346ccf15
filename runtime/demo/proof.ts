import { join } from 'node:path'
import { compareRows, type Difference, digestRows } from './compare.ts'
import { readJsonl } from './jsonl-rows.ts'
import type { Rows, TableShape } from './rows.ts'
import { aligned, count, type Screen } from './screen.ts'
import type { SourceRows } from './source-rows.ts'
import { readSqlite } from './sqlite-rows.ts'
import type { Workspace } from './workspace.ts'

/** Source and sinks side by side: every column of every row by key, each sink read from its own files. */

export interface TableProof {
  readonly table: string
  readonly rows: number
  /** SHA-256 of all rows in key order. */
  readonly digest: string
  readonly equal: boolean
  readonly differences: readonly Difference[]
}

export interface Proof {
  readonly equal: boolean
  /** The server's log position that the source was read at. */
  readonly position: string
  /** By place: `source`, then each sink. */
  readonly places: Readonly<Record<string, readonly TableProof[]>>
}

export async function proveEqual(source: SourceRows, workspace: Workspace): Promise<Proof> {
  const readers: Record<string, (shape: TableShape) => Rows | Promise<Rows>> = {
    search: shape => readSqlite(workspace.search, shape),
    files: shape => readJsonl(join(workspace.files, `public.${shape.table}`), shape),
  }
  const places: Record<string, TableProof[]> = { source: source.tables.map(rows => prove(rows, rows)) }
  for (const [name, read] of Object.entries(readers)) {
    const proofs: TableProof[] = []
    for (const rows of source.tables) proofs.push(prove(rows, await read(rows.shape)))
    places[name] = proofs
  }
  return {
    equal: Object.values(places)
      .flat()
      .every(proof => proof.equal),
    position: source.position,
    places,
  }
}

function prove(source: Rows, sink: Rows): TableProof {
  const differences = compareRows(source, sink)
  return {
    table: source.shape.table,
    rows: sink.byKey.size,
    digest: digestRows(sink),
    equal: differences.length === 0,
    differences,
  }
}

const DIGEST_DIGITS = 16
/** Keys named per table; the rest is counted. */
const MOST_NAMED = 10

export function showProof(screen: Screen, { places }: Proof): void {
  const rows = [['', 'table', 'rows', 'sha-256', '']]
  const notes: string[][] = [[]]
  for (const [place, proofs] of Object.entries(places))
    for (const { table, rows: size, digest, equal, differences } of proofs) {
      const verdict = place === 'source' ? '' : equal ? 'equal' : 'different'
      rows.push([place, table, count(size), digest.slice(0, DIGEST_DIGITS), verdict])
      notes.push(differenceLines(differences))
    }
  aligned(rows, new Set([2])).forEach((line, i) => {
    screen.line(coloured(screen, line, i))
    for (const note of notes[i]!) screen.line(`          ${screen.style('red', note)}`)
  })
}

function coloured(screen: Screen, line: string, i: number): string {
  if (i === 0) return screen.style('dim', line)
  return line
    .replace(/equal$/, text => screen.style('green', text))
    .replace(/different$/, text => screen.style('red', text))
}

function differenceLines(differences: readonly Difference[]): string[] {
  const lines = differences.slice(0, MOST_NAMED).map(({ key, kind, columns }) => {
    return `${key}: ${kind}${columns.length > 0 ? ` (${columns.join(', ')})` : ''}`
  })
  const rest = differences.length - lines.length
  return rest > 0 ? [...lines, `and ${count(rest)} more`] : lines
}
