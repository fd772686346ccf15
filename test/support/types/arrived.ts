/** How the values of some types came: a table `types` with a column for each behind `id`, a row for each value. */
import type { ChangeView, Column, LogicalType, Source } from '../../../runtime/contract.ts'
import type { SourceRun } from '../source-run.ts'

export type Texts = readonly (string | null | undefined)[]

/** Rows by their place and by how they came; a cell as its tag and bytes, and of former rows its text. */
export interface Arrived {
  readonly run: SourceRun
  readonly loaded: readonly string[][]
  readonly inserted: readonly string[][]
  readonly updated: readonly string[][]
  /** The loaded rows again, read beside the stream. */
  readonly beside: readonly string[][]
  /** Old rows of updates, and deleted rows. */
  readonly before: readonly Texts[]
  readonly deleted: readonly Texts[]
  /** Of the loaded rows. */
  readonly texts: readonly Texts[]
  readonly types: readonly LogicalType[]
  readonly declared: readonly string[]
}

/** Rows come a second time by an insert, a third time by an update, and so many ids later. */
export interface Places {
  readonly inserted: number
  readonly updated: number
}

/** `open`: the source as after a restart. `name`: of the table, as the log has it. */
export async function arrived(run: SourceRun, places: Places, open: () => Source, name: string): Promise<Arrived> {
  return { ...streamed(run, places), beside: await readBeside(run, places, open, name) }
}

async function readBeside(
  { log }: SourceRun,
  { inserted }: Places,
  open: () => Source,
  name: string,
): Promise<string[][]> {
  const signal = AbortSignal.timeout(30_000)
  await using source = open()
  await source.start(await log.resume(), signal)
  const rows: string[][] = []
  for await (const chunk of source.load(source.request!(name, { kind: 'all' }, false)!, signal))
    for (const change of chunk.rows) {
      const id = Number(change.text(0))
      if (change.kind === 'r' && id < inserted) rows[id] = cellsOf(change)
    }
  return rows
}

function streamed(run: SourceRun, places: Places): Omit<Arrived, 'beside'> {
  const [loaded, inserted, updated]: [string[][], string[][], string[][]] = [[], [], []]
  const [before, deleted, texts]: [Texts[], Texts[], Texts[]] = [[], [], []]
  let columns: readonly Column[] = []
  for (const batch of run.batches)
    for (const change of batch) {
      if (change.kind === 's') continue
      columns = change.table.columns.slice(1)
      const id = Number(change.kind === 'd' ? change.before(0) : change.text(0))
      const row = id % places.inserted
      if (change.kind === 'r') {
        loaded[row] = cellsOf(change)
        texts[row] = columns.map((_, i) => change.text(i + 1))
      } else if (change.kind === 'c' && id < places.updated) inserted[row] = cellsOf(change)
      else if (change.kind === 'u' && id >= places.updated) updated[row] = cellsOf(change)
      else if (change.kind === 'u') before[row] = columns.map((_, i) => change.before(i + 1))
      else if (change.kind === 'd') deleted[row] = columns.map((_, i) => change.before(i + 1))
    }
  return {
    run,
    loaded,
    inserted,
    updated,
    before,
    deleted,
    texts,
    types: columns.map(({ type }) => type),
    declared: columns.map(({ declared }) => declared),
  }
}

function cellsOf(change: ChangeView): string[] {
  const cell = (i: number): string =>
    `${String.fromCharCode(change.tag(i))}:${Buffer.from(change.cell(i)).toString('hex')}`
  return change.table.columns.slice(1).map((_, i) => cell(i + 1))
}
