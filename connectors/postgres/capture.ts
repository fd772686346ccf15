import type { Table } from '../../runtime/contract.ts'
import { TailraceError } from '../../runtime/errors.ts'
import { isOutbox } from '../common/event-options.ts'
import { type EventRoute, routeOf } from '../common/event-route.ts'
import { type RowPlan, rowPlan } from '../common/row-plan.ts'
import { columnRules, configuredKey, isAppendOnly, nameOf } from '../common/selection.ts'
import type { VersionsByName } from '../common/versions-by-name.ts'
import { attributesOf, filesOf, quotedLeaf, type RelationRow, stateOf, type TableRows } from './catalog-rows.ts'
import type { PostgresConfig } from './config.ts'
import type { Definition } from './definition.ts'
import { chooseKey, withoutKey } from './keys.ts'
import { quoteRelation } from './quote.ts'
import type { Numbers } from './table-version.ts'
import { holdsAnyByte, logicalType, type TypeCatalog } from './types.ts'
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
  /** Of an outbox. */
  readonly route: EventRoute | undefined
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

export interface CapturePlace {
  readonly config: PostgresConfig
  readonly types: TypeCatalog
  readonly numbering: Numbers
  /** The versions that are known. */
  readonly versions: VersionsByName
  /** The server takes any bytes for text. */
  readonly checkText: boolean
}

/** Throws TABLE_UNSUPPORTED, TABLE_WITHOUT_KEY, CONFIG_COLUMN, OUTBOX_COLUMNS. */
export function capture(
  relation: RelationRow,
  rows: TableRows,
  { config, types, numbering, versions, checkText }: CapturePlace,
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
  const routed = isOutbox(config, schema, table)
  const attributes = rows.attributes.filter(({ generated }) => !generated)
  const rules = columnRules(
    config,
    schema,
    table,
    attributes.map(({ name }) => name),
  )
  const key = routed ? [] : appendOnly ? insertKey(rows) : requireKey(relation, rows, config)
  const definition: Definition = {
    schema,
    table,
    oid,
    appendOnly,
    routed,
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
  const { version, lost } = numbering.number(definition, versions)
  return {
    table: version,
    oid,
    relation: quoteRelation(schema, table),
    columns: attributes.map(({ attnum, name, typeOid, typmod }) => ({ attnum, name, typeOid, typmod })),
    route: routeOf(config, version, numbering),
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

const IDENTITIES: Readonly<Record<string, ReplicaIdentity>> = { d: 'default', n: 'nothing', f: 'full', i: 'index' }

export function identityOf(letter: string): ReplicaIdentity {
  return IDENTITIES[letter] ?? 'default'
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
