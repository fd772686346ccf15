import type { OwnTable } from '../duckdb-file/catalog.ts'
import { CATALOG, type Database } from '../duckdb-file/database.ts'
import { CURSORS, OWN_SCHEMA } from '../duckdb-file/owner.ts'
import type { SourceCursor } from './manifest.ts'

const SETS = `${CATALOG}.${OWN_SCHEMA}.sets`
const CHANGED = `${CATALOG}.${OWN_SCHEMA}.changed`

/** A set that is being published, noted before its first file is put. */
export interface Intent {
  /** As the manifest will name it. */
  readonly set: string
  readonly sequence: number
  /** `mode: changes`: the tables that were put aside for it, and where the sources stood then. */
  readonly sealed?: Sealed
}

export interface Sealed {
  readonly sources: Readonly<Record<string, SourceCursor>>
  readonly tables: readonly OwnTable[]
}

export interface Owned {
  readonly pipeline: string
  readonly sink: string
}

/** What waits for the next set when a target is opened. */
export interface Waiting {
  readonly rows: number
  /** A set was begun that did not come to its end. */
  readonly isBegun: boolean
  /** `mode: rows`: the tables in question. */
  readonly tables: readonly string[]
}

/** The row of `_tailrace.sets` in the store: from which set it goes on. Everything runs in the caller's transaction. */
export class SetState {
  readonly #database: Database
  readonly #owner: Owned

  constructor(database: Database, owner: Owned) {
    this.#database = database
    this.#owner = owner
  }

  get #values(): [string, string] {
    return [this.#owner.pipeline, this.#owner.sink]
  }

  async create(): Promise<void> {
    await this.#database.run(
      `CREATE TABLE IF NOT EXISTS ${SETS} (pipeline VARCHAR, sink VARCHAR, published VARCHAR, intent VARCHAR)`,
    )
    await this.#database.run(
      `CREATE TABLE IF NOT EXISTS ${CHANGED} (pipeline VARCHAR, sink VARCHAR, source_table VARCHAR, "set" VARCHAR)`,
    )
  }

  async read(): Promise<{ published: string; intent: Intent | undefined } | undefined> {
    const [row] = await this.#database.query(
      `SELECT published, intent FROM ${SETS} WHERE pipeline = $1 AND sink = $2`,
      this.#values,
    )
    if (row === undefined) return undefined
    const intent = row.intent === null ? undefined : (JSON.parse(String(row.intent)) as Intent)
    return { published: String(row.published), intent }
  }

  /** The store goes on from this set, and intends no other. */
  async stand(set: string): Promise<void> {
    await this.remove()
    await this.#database.run(`INSERT INTO ${SETS} VALUES ($1, $2, $3, NULL)`, [...this.#values, set])
  }

  async intend(intent: Intent): Promise<void> {
    await this.#database.run(`UPDATE ${SETS} SET intent = $3 WHERE pipeline = $1 AND sink = $2`, [
      ...this.#values,
      JSON.stringify(intent),
    ])
  }

  /** Notes tables that a set still to come has otherwise. `set`: the one that was begun last. */
  async noteChanged(names: readonly string[], set: string): Promise<void> {
    for (const name of names)
      await this.#database.run(`INSERT INTO ${CHANGED} VALUES ($1, $2, $3, $4)`, [...this.#values, name, set])
  }

  async changed(): Promise<string[]> {
    const rows = await this.#database.query(
      `SELECT DISTINCT source_table FROM ${CHANGED} WHERE pipeline = $1 AND sink = $2`,
      this.#values,
    )
    return rows.map(row => String(row.source_table))
  }

  /** This set has what was noted before it was begun. */
  async forgetChanged(set: string): Promise<void> {
    await this.#database.run(`DELETE FROM ${CHANGED} WHERE pipeline = $1 AND sink = $2 AND "set" <> $3`, [
      ...this.#values,
      set,
    ])
  }

  async remove(): Promise<void> {
    await this.#database.run(`DELETE FROM ${SETS} WHERE pipeline = $1 AND sink = $2`, this.#values)
  }
}

/** Where the sources stand in the store. */
export async function cursorsOf(
  database: Database,
  { pipeline, sink }: Owned,
): Promise<Readonly<Record<string, SourceCursor>>> {
  const rows = await database.query(`SELECT source, log, cursor FROM ${CURSORS} WHERE pipeline = $1 AND sink = $2`, [
    pipeline,
    sink,
  ])
  return Object.fromEntries(
    rows.map(({ source, log, cursor }) => [
      String(source),
      { log: String(log), cursor: cursor === null ? null : String(cursor) },
    ]),
  )
}
