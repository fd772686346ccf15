/** Our source and the package `@vlasky/zongji` over one database, and what each hands over of the same changes. */
import type { ChangeView, Source } from '../../../runtime/contract.ts'
import { CellTag } from '../../../runtime/record/layout.ts'
import type { MysqlServer } from '../mysql/server.ts'
import { mysqlRig } from '../mysql/source.ts'
import { PaperLog } from '../paper-log.ts'
import { ZongjiSource } from './zongji.ts'

export type ReaderName = 'ours' | 'zongji'

const TIMEOUT_MS = 30_000
/** Key of the row that is written behind all others. */
const LAST = '999'

export interface Read {
  /** `c 1|a`; a cell that was not sent is `-`. */
  readonly lines: readonly string[]
  /** What the package has reported; it goes on behind it, as in its README. */
  readonly errors: readonly string[]
  /** The code of the error that ended it. */
  readonly failure?: string
}

/**
 * Opens the reader over a database with the table `item`, runs `statements` in one session while it is away, and answers
 * what it hands over of them, from the table's first changes on. Rejects with what ends the reader. `setup`: what was
 * there before it began.
 */
export async function readWith(
  name: ReaderName,
  server: MysqlServer,
  { columns, setup = [], statements }: { columns: string; setup?: readonly string[]; statements: readonly string[] },
): Promise<Read> {
  const database = await server.createDatabase()
  await server.query(
    [
      `SET SESSION sql_mode = '', time_zone = '+00:00'`,
      `CREATE TABLE item (id int PRIMARY KEY, ${columns})`,
      ...setup,
    ].join(';'),
    database,
  )
  const log = new PaperLog()
  const open = (): Source =>
    name === 'ours'
      ? mysqlRig(server, database, { log }).open()
      : new ZongjiSource({ url: server.url('root', database), database, goesOn: true })
  await begin(open, log)
  await server.query([`SET SESSION sql_mode = '', time_zone = '+00:00'`, ...statements].join(';'), database)
  await server.query(`INSERT INTO item (id) VALUES (${LAST})`, database)
  return await readOn(open, log)
}

async function begin(open: () => Source, log: PaperLog): Promise<void> {
  const signal = AbortSignal.timeout(TIMEOUT_MS)
  await using source = open()
  for (const request of await source.start(undefined, signal))
    for await (const { rows } of source.load(request, signal)) log.append(rows)
  for await (const batch of source.changes(signal)) {
    log.append(batch)
    if (batch.end !== undefined) return
  }
}

async function readOn(open: () => Source, log: PaperLog): Promise<Read> {
  const signal = AbortSignal.timeout(TIMEOUT_MS)
  await using source = open()
  await source.start(log.resume(), signal)
  const lines: string[] = []
  for await (const batch of source.changes(signal)) {
    for (const change of batch) if (change.kind !== 's') lines.push(lineOf(change))
    if (lines.at(-1)?.startsWith(`c ${LAST}`)) break
  }
  return { lines: lines.slice(0, -1), errors: source instanceof ZongjiSource ? source.errors : [] }
}

function lineOf(change: ChangeView): string {
  const { kind, table } = change
  const cells = table.columns.map((_, i) =>
    kind === 'd' ? change.before(i) : change.tag(i) === CellTag.absent ? '-' : change.text(i),
  )
  return `${kind} ${cells.map(cell => (cell === undefined ? '-' : (cell ?? 'NULL'))).join('|')}`
}
