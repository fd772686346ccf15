import { createHash } from 'node:crypto'
import { compareRows, type Difference, digestRows } from './compare.ts'
import type { SourceRows } from './database.ts'
import type { Rows } from './rows.ts'
import { aligned, count, type Screen } from './screen.ts'
import type { DemoSink } from './sinks/sink.ts'

/** Source and sinks side by side: every column of every row by key, each sink read by its target's own means. */

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

/** Memory: the rows of the source, and of one table of one sink at a time. */
export async function proveEqual(source: SourceRows, sinks: readonly DemoSink[]): Promise<Proof> {
  const places: Record<string, TableProof[]> = { source: source.tables.map(rows => prove(rows, rows)) }
  for (const sink of sinks) {
    const proofs: TableProof[] = []
    for (const rows of source.tables) proofs.push(prove(rows, await sink.read(rows.shape)))
    places[sink.name] = proofs
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
const GAP = 2

/** A line a place: its rows by table, a digest over all of them, and what differs by key. */
export function showProof(screen: Screen, { places }: Proof): void {
  const tables = places.source!.map(({ table }) => table)
  const rows = [['', ...tables, 'sha-256 of all', '']]
  const notes: string[][] = [[]]
  for (const [place, proofs] of Object.entries(places)) {
    const verdict = proofs.every(({ equal }) => equal) ? 'equal' : 'different'
    const sizes = proofs.map(({ rows: size }) => count(size))
    rows.push([place, ...sizes, digestOfAll(proofs).slice(0, DIGEST_DIGITS), place === 'source' ? '' : verdict])
    notes.push(proofs.flatMap(({ table, differences }) => differenceLines(table, differences)))
  }
  aligned(rows, new Set(tables.map((_, i) => i + 1)), GAP).forEach((line, i) => {
    screen.line(coloured(screen, line, i))
    for (const note of notes[i]!) screen.line(`  ${screen.style('red', note)}`)
  })
}

/** Over the digests of the tables. */
function digestOfAll(proofs: readonly TableProof[]): string {
  const hash = createHash('sha256')
  for (const { digest } of proofs) hash.update(digest)
  return hash.digest('hex')
}

function coloured(screen: Screen, line: string, i: number): string {
  if (i === 0) return screen.style('dim', line)
  return line
    .replace(/equal$/, text => screen.style('green', text))
    .replace(/different$/, text => screen.style('red', text))
}

function differenceLines(table: string, differences: readonly Difference[]): string[] {
  const lines = differences.slice(0, MOST_NAMED).map(({ key, kind, columns }) => {
    return `${table} ${key}: ${kind}${columns.length > 0 ? ` (${columns.join(', ')})` : ''}`
  })
  const rest = differences.length - lines.length
  return rest > 0 ? [...lines, `${table}: and ${count(rest)} more`] : lines
}
