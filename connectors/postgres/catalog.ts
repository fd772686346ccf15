import { setImmediate } from 'node:timers/promises'
import type pg from 'pg'
import type { Table } from '../../runtime/contract.ts'
import { isTailraceError, TailraceError } from '../../runtime/errors.ts'
import { type RowPlan, rowPlan } from '../common/row-plan.ts'
import {
  columnRules,
  configuredKey,
  isAppendOnly,
  missingColumns,
  nameOf,
  type Selection,
  selectTables,
} from '../common/selection.ts'
import { byName } from '../common/versions-by-name.ts'
import {
  attributesOf,
  filesOf,
  quotedLeaf,
  type RelationRow,
  readRelations,
  readTables,
  stateOf,
  type TableRows,
} from './catalog-rows.ts'
import type { PostgresConfig } from './config.ts'
import type { Definition } from './definition.ts'
import { chooseKey, withoutKey } from './keys.ts'
import { listed } from './listed-relation.ts'
import { quoteRelation } from './quote.ts'
import { Numbering, type Numbers } from './table-version.ts'
import { holdsAnyByte, loadTypes, logicalType, type TypeCatalog } from './types.ts'
import { unknownColumns } from './unknown-types.ts'

/** A column as the server sends it, in pgoutput and in a load. Generated columns are left out. */
export interface ServerColumn {
  /** 0 where only the stream knows the column, which was altered since. */
  readonly attnum: number
  readonly name: string
  readonly typeOid: number
  readonly typmod: number
}

/** A relation that holds rows: the table itself, or a partition. */
export interface Leaf {
  readonly oid: number
  /** Quoted. */
  readonly relation: string
  /** Changes when the table is rewritten or truncated. */
  readonly filenode: string
  /** As in LeafRow. */
  readonly definedBy: string | null
  /** Whether ranges of ctid can be read of it. */
  readonly hasRanges: boolean
  /** Whether the role may read it by its own name. */
  readonly readable: boolean
  /** When the catalog was read. */
  readonly pages: number
}

export type ReplicaIdentity = 'default' | 'nothing' | 'full' | 'index'

/** A table to capture, as the catalog has it now. */
export interface Captured {
  readonly table: Table
  readonly oid: number
  /** `"schema"."table"`. */
  readonly relation: string
  readonly columns: readonly ServerColumn[]
  readonly plan: RowPlan
  /** Columns whose type nobody knows (unknown-types.ts). */
  readonly unknown: readonly string[]
  readonly identity: ReplicaIdentity
  /** Published in the publication for inserts and truncates only. */
  readonly appendOnly: boolean
  readonly partitioned: boolean
  readonly leaves: readonly Leaf[]
  /** Differs once columns or leaves change (catalog-rows.ts). */
  readonly state: string
  /** Differs once columns change. */
  readonly attributes: string
  readonly estimatedRows: number | null
  readonly estimatedBytes: number | null
  /** Throw it (MASK_LOST) unless the table is loaded anew. */
  readonly lost: TailraceError | undefined
}

const IDENTITIES: Readonly<Record<string, ReplicaIdentity>> = { d: 'default', n: 'nothing', f: 'full', i: 'index' }

export function identityOf(letter: string): ReplicaIdentity {
  return IDENTITIES[letter] ?? 'default'
}

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
  const checkText = await isUnchecked(client)
  const versions = byName(known)
  const named = tables.map(({ relation, rows }) => ({ ...relation, columns: rows.attributes.map(({ name }) => name) }))
  const surveyed: Surveyed[] = []
  for (const { relation, rows } of tables) {
    // Thousands of them would hold up everything else for a second.
    if (surveyed.length % STRIDE === STRIDE - 1) await setImmediate()
    try {
      const number: NumberOf = definition => numbering.number(definition, versions)
      surveyed.push({ relation, rows, captured: capture(relation, rows, types, config, number, checkText) })
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

type NumberOf = (definition: Definition) => ReturnType<Numbering['number']>

function capture(
  relation: RelationRow,
  rows: TableRows,
  types: TypeCatalog,
  config: PostgresConfig,
  number: NumberOf,
  checkText: boolean,
): Captured {
  const { schema, table, oid } = relation
  const foreign = rows.leaves.find(({ kind }) => kind !== 'r')
  if (foreign !== undefined)
    throw new TailraceError(
      'TABLE_UNSUPPORTED',
      'stop',
      `${nameOf(relation)} has the foreign table ${nameOf(foreign)}.`,
      {
        hint: 'Its rows change on another server: detach it, or exclude the table.',
      },
    )
  const appendOnly = isAppendOnly(config, schema, table)
  const attributes = rows.attributes.filter(({ generated }) => !generated)
  const rules = columnRules(
    config,
    schema,
    table,
    attributes.map(({ name }) => name),
  )
  const key = appendOnly ? insertKey(rows) : requireKey(relation, rows, config)
  const definition: Definition = {
    schema,
    table,
    oid,
    appendOnly,
    key,
    columns: attributes.map((attribute, i) => ({
      attribute,
      rule: rules[i]!,
      column: {
        name: attribute.name,
        type: logicalType(attribute, types),
        declared: attribute.declared,
        nullable: !attribute.notNull,
      },
    })),
    files: filesOf(rows.leaves),
  }
  const { version, lost } = number(definition)
  return {
    table: version,
    oid,
    relation: quoteRelation(schema, table),
    columns: attributes.map(({ attnum, name, typeOid, typmod }) => ({ attnum, name, typeOid, typmod })),
    plan: rowPlan(rules, checkText || attributes.some(holdsAnyByte), config.maskKey),
    unknown: unknownColumns(attributes, rules, types),
    identity: identityOf(relation.identity),
    appendOnly,
    partitioned: relation.kind === 'p',
    leaves: rows.leaves.map(leaf => ({
      oid: leaf.oid,
      relation: quotedLeaf(leaf),
      filenode: leaf.filenode,
      definedBy: leaf.definedBy,
      hasRanges: leaf.isHeap,
      readable: leaf.readable,
      pages: leaf.pages,
    })),
    state: stateOf(rows),
    attributes: attributesOf(rows),
    ...estimates(rows),
    lost,
  }
}

function requireKey(relation: RelationRow, rows: TableRows, config: PostgresConfig): readonly number[] {
  const choice = chooseKey(relation, rows, configuredKey(config, relation.schema, relation.table))
  if ('problem' in choice) throw withoutKey(relation, choice)
  return choice.attnums
}

/** Rows that are only inserted need no old values: any primary key serves, whatever the replica identity. */
function insertKey(rows: TableRows): readonly number[] {
  return rows.indexes.find(({ isPrimary, problem }) => isPrimary && problem === null)?.attnums ?? []
}

/** Rows are unknown as long as one leaf that is not empty was never analyzed. */
export function estimates(rows: TableRows): { estimatedRows: number | null; estimatedBytes: number } {
  let estimatedRows: number | null = 0
  let estimatedBytes = 0
  for (const leaf of rows.leaves) {
    estimatedBytes += leaf.bytes
    if (leaf.rows >= 0 && estimatedRows !== null) estimatedRows += leaf.rows
    else if (leaf.bytes > 0) estimatedRows = null
  }
  return { estimatedRows, estimatedBytes }
}
