import { setImmediate } from 'node:timers/promises'
import type pg from 'pg'
import type { Table } from '../../runtime/contract.ts'
import { isTailraceError, type TailraceError } from '../../runtime/errors.ts'
import { missingColumns, type Selection, selectTables } from '../common/selection.ts'
import { byName } from '../common/versions-by-name.ts'
import { type Captured, capture } from './capture.ts'
import { type RelationRow, readRelations, readTables, type TableRows } from './catalog-rows.ts'
import type { PostgresConfig } from './config.ts'
import { listed } from './listed-relation.ts'
import { Numbering, type Numbers } from './table-version.ts'
import { loadTypes } from './types.ts'

/** A table that the configuration names: captured, or why not. */
export interface Surveyed {
  readonly relation: RelationRow
  readonly rows: TableRows
  readonly captured: Captured | TailraceError
}

const STRIDE = 100
/** Until nothing is altered meanwhile, or it never ends. */
const MOST_READS = 5

/**
 * Everything that the configuration names, as it is: nothing is thrown for what cannot be captured. `problems`: names
 * of tables and columns that are nowhere.
 */
export async function surveyTables(
  client: pg.ClientBase,
  sourceName: string,
  config: PostgresConfig,
  known: readonly Table[],
  numbering: Numbers = new Numbering(sourceName, known, config.maskKey),
): Promise<{ tables: readonly Surveyed[]; problems: readonly TailraceError[] }> {
  const { chosen, problems, found } = await readChosen(client, config)
  const tables = chosen.map(relation => ({ relation, rows: found.get(relation.oid)! }))
  const types = await loadTypes(
    client,
    tables.flatMap(({ rows }) => rows.attributes.map(({ typeOid }) => typeOid)),
  )
  const place = { config, types, numbering, versions: byName(known), checkText: await isUnchecked(client) }
  const named = tables.map(({ relation, rows }) => ({ ...relation, columns: rows.attributes.map(({ name }) => name) }))
  const surveyed: Surveyed[] = []
  for (const { relation, rows } of tables) {
    // Thousands of them would hold up everything else for a second.
    if (surveyed.length % STRIDE === STRIDE - 1) await setImmediate()
    try {
      surveyed.push({ relation, rows, captured: capture(relation, rows, place) })
    } catch (error) {
      if (!isTailraceError(error)) throw error
      surveyed.push({ relation, rows, captured: error })
    }
  }
  return {
    tables: surveyed,
    problems: [...problems, ...missingColumns(config, named)],
  }
}

type Chosen = Selection<RelationRow>

/**
 * The relations that the configuration names, with their columns, indexes and leaves. Each statement sees a state of its
 * own: a table that is dropped or replaced between two of them would seem to have no key. It is all read once more then.
 */
async function readChosen(
  client: pg.ClientBase,
  config: PostgresConfig,
): Promise<Chosen & { readonly found: ReadonlyMap<number, TableRows> }> {
  let before = selectTables(config, listed(await readRelations(client)))
  for (let reads = 1; ; reads++) {
    const oids = before.chosen.map(({ oid }) => oid)
    const found = await readTables(client, oids)
    const after = selectTables(config, listed(await readRelations(client)))
    if (reads === MOST_READS || identities(after) === identities(before)) return { ...before, found }
    before = after
  }
}

function identities({ chosen }: Chosen): string {
  return JSON.stringify(chosen.map(({ oid, schema, table, kind, identity }) => [oid, schema, table, kind, identity]))
}

/**
 * The tables that the configuration names, by name. A definition equal to a known one keeps its id, a changed one is a
 * new version, a table made anew or with another key a new incarnation; what it means for older rows stands in its
 * origin. Throws TABLE_MISSING, TABLE_WITHOUT_KEY, TABLE_UNSUPPORTED, CONFIG_COLUMN.
 */
export async function captureTables(
  client: pg.ClientBase,
  sourceName: string,
  config: PostgresConfig,
  known: readonly Table[],
  numbering?: Numbers,
): Promise<Captured[]> {
  const { tables, problems } = await surveyTables(client, sourceName, config, known, numbering)
  if (problems[0] !== undefined) throw problems[0]
  return tables.map(({ captured }) => {
    if (isTailraceError(captured)) throw captured
    return captured
  })
}

/** SQL_ASCII: the server takes any bytes for text. */
export async function isUnchecked(client: pg.ClientBase): Promise<boolean> {
  const { rows } = await client.query<{ server_encoding: string }>('SHOW server_encoding')
  return rows[0]?.server_encoding === 'SQL_ASCII'
}
