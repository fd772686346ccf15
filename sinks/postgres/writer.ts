import type { Table } from '../../runtime/contract.ts'
import { giveBack } from '../../runtime/large-memory.ts'
import type { Catalog } from './catalog.ts'
import type { Connection } from './connection.ts'
import { CopyText } from './copy-text.ts'
import { type Layout, tableName } from './layout.ts'
import type { Grouped, PlacedRow, RowGroup } from './row-groups.ts'
import { RowTexts, type TextTaker } from './row-texts.ts'
import { isDuplicate } from './server-error.ts'
import { copyRows, markRows, putRows, removeRows, writtenColumns } from './statements.ts'
import { TextArray } from './text-arrays.ts'

/** From so many rows on COPY is worth its savepoint. */
const COPIED_ROWS = 100

/** How rows of a group are applied. */
export type ApplyRows = (layout: Layout, group: RowGroup) => Promise<void>

/** Brings rows into the tables of one source, inside the caller's transaction. */
export class Writer {
  readonly #connection: Connection
  readonly #catalog: Catalog
  readonly #logId: string
  /** By table id; null: the table has begun a later life, its rows are of no use. */
  readonly #layouts = new Map<number, Layout | null>()
  readonly #tables = new Map<number, Table>()
  /** Tables, by name, that were made or emptied by this session and have not met a key twice since. */
  readonly #fresh = new Set<string>()

  constructor(connection: Connection, catalog: Catalog, logId: string) {
    this.#connection = connection
    this.#catalog = catalog
    this.#logId = logId
  }

  /** Tables made in a transaction that was not committed are gone, and with them what is known of them. */
  forget(): void {
    this.#layouts.clear()
    this.#fresh.clear()
  }

  async apply({ groups, tables, truncated }: Grouped, signal: AbortSignal, by: ApplyRows = this.rows): Promise<void> {
    for (const table of truncated) await this.empty(table)
    for (const group of groups) {
      signal.throwIfAborted()
      const layout = await this.#layout(group.table)
      if (layout !== undefined) await by(layout, group)
    }
    for (const table of tables) await this.#layout(table)
  }

  async empty(table: Table): Promise<void> {
    const layout = await this.#layout(table)
    if (layout === undefined) return
    await this.#catalog.empty(layout)
    this.#fresh.add(tableName(layout))
  }

  readonly rows: ApplyRows = async (layout, group) => {
    const name = tableName(layout)
    const { kind, rows } = group
    const isCopied = (kind === 'put' || kind === 'append') && this.#fresh.has(name) && rows.length >= COPIED_ROWS
    if (isCopied && (await this.#copy(layout, group))) return
    if (kind === 'put' || kind === 'append' || kind === 'patch') this.#fresh.delete(name)
    await this.rowsByKey(layout, group)
  }

  /** With regard to rows that are there. */
  readonly rowsByKey: ApplyRows = async (layout, group) => {
    const { kind, rows } = group
    const texts = this.#texts(layout, group)
    const parameters = arraysOf(texts, rows)
    const text = kind === 'remove' ? removeRows(layout) : kind === 'mark' ? markRows(layout) : putRows(layout, group)
    await this.#connection.apply(text, parameters, kind !== 'patch')
    // The server has read them all, which it may not have where it fails.
    parameters.forEach(giveBack)
  }

  /** False if a key was there: nothing was done then. */
  async #copy(layout: Layout, group: RowGroup): Promise<boolean> {
    const connection = this.#connection
    await connection.run('SAVEPOINT copied')
    try {
      await connection.copy(copyRows(layout, group), new CopyText().pieces(this.#texts(layout, group), group.rows))
    } catch (error) {
      if (!isDuplicate(error)) throw error
      await connection.run('ROLLBACK TO SAVEPOINT copied')
      return false
    }
    await connection.run('RELEASE SAVEPOINT copied')
    return true
  }

  #texts(layout: Layout, group: RowGroup): RowTexts {
    return new RowTexts(writtenColumns(layout, group), group, this.#logId)
  }

  async #layout(table: Table): Promise<Layout | undefined> {
    const known = this.#layouts.get(table.id)
    if (known !== undefined) return known ?? undefined
    const ensured = await this.#catalog.ensure(table)
    // What is known of other versions may have been of a former life.
    for (const [id, { name }] of this.#tables) if (name === table.name) this.#layouts.delete(id)
    this.#layouts.set(table.id, ensured?.layout ?? null)
    this.#tables.set(table.id, table)
    if (ensured?.isEmpty === true) this.#fresh.add(tableName(ensured.layout))
    return ensured?.layout
  }
}

/** The texts of rows as parameters, an array for each column. */
export function arraysOf(texts: RowTexts, rows: readonly PlacedRow[]): Buffer[] {
  const bytes = rows.reduce((sum, { cells }) => sum + cells.length, 0)
  const arrays = texts.columns.map(() => new TextArray(Math.ceil((1.5 * bytes) / texts.columns.length)))
  const taker: TextTaker = {
    null: column => arrays[column]!.addNull(),
    bytes: (column, from, start, end) => arrays[column]!.add(from, start, end),
  }
  for (const row of rows) texts.read(row, taker)
  return arrays.map(array => array.done())
}
