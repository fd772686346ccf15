import type pg from 'pg'
import { errorCode, TailraceError } from '../../runtime/errors.ts'
import { someOf } from '../../runtime/some-of.ts'
import { quoteIdentifier } from './quote.ts'
import { resyncHint } from './server-error.ts'

/** A table as publications see it. */
export interface PublishedTable {
  readonly oid: number
  /** `"schema"."table"`. */
  readonly relation: string
  readonly partitioned: boolean
}

export interface PublicationPlan {
  readonly name: string
  readonly tables: readonly PublishedTable[]
  /** Without updates and deletes, which would fail at the source for want of a replica identity. */
  readonly insertsOnly: boolean
}

/** A publication that exists. */
export interface Publication {
  readonly oid: string
  readonly operations: ReadonlySet<string>
  readonly viaRoot: boolean
  /** By oid: its quoted name, and whether rows or columns of it are left out. */
  readonly tables: ReadonlyMap<number, { readonly relation: string; readonly filtered: boolean }>
  readonly ours: boolean
}

/** The comment that tells a publication of ours from one that a person made, which is never altered or dropped. */
const MARK = 'Made by Tailrace'

/**
 * The publication of exactly these tables, before anything is read through it: one of ours is made or set to them, one
 * that a person made is accepted as it is, if it publishes them whole. Answers its oid, by which a publication made anew
 * is noticed. Durable on return. Throws PUBLICATION_TABLES, PUBLICATION_UNSUITABLE.
 */
export async function setPublication(sql: pg.Client, plan: PublicationPlan, version: number): Promise<string> {
  const found = await readPublication(sql, plan.name, version)
  if (found === undefined) {
    const comment = `COMMENT ON PUBLICATION ${quoteIdentifier(plan.name)} IS '${MARK}'`
    const [first, ...rest] = groupsOf(plan.tables)
    // One transaction.
    await sql.query(`${createStatement({ ...plan, tables: first! })}; ${comment}`)
    for (const tables of rest) await sql.query(addStatement(plan, tables))
  } else if (found.ours) {
    const wanted = new Set(plan.tables.map(({ oid }) => oid))
    const surplus = [...found.tables].filter(([oid]) => !wanted.has(oid)).map(([, { relation }]) => relation)
    for (const relations of groupsOf(surplus)) await sql.query(dropStatement(plan, relations))
    for (const tables of groupsOf(plan.tables.filter(({ oid }) => !found.tables.has(oid))))
      await sql.query(addStatement(plan, tables))
  }
  return await requireWhole(sql, plan, version, new Set())
}

/**
 * The same of a publication that the stream reads: tables that are new are added to one of ours. `added`: their oids,
 * `source`: its name, for hints. Throws as well PUBLICATION_MISSING, and PUBLICATION_TABLES where only its owner can add them.
 */
export async function growPublication(
  sql: pg.Client,
  plan: PublicationPlan,
  version: number,
  added: ReadonlySet<number>,
  source: string,
): Promise<string> {
  const found = await readPublication(sql, plan.name, version)
  if (found === undefined) throw publicationMissing(plan, source)
  const missing = plan.tables.filter(({ oid }) => added.has(oid) && !found.tables.has(oid))
  if (found.ours && missing.length > 0) {
    try {
      for (const tables of groupsOf(missing)) await sql.query(addStatement(plan, tables))
    } catch (error) {
      if (errorCode(error) === NOT_ALLOWED) throw tablesMissing(plan, missing, true)
      throw error
    }
  }
  return await requireWhole(sql, plan, version, added)
}

const NOT_ALLOWED = '42501'

/**
 * Tables in one statement: each takes a lock or two, of which a server with default settings has some 7,000 in all. A
 * crash between two statements leaves a publication that the next start completes.
 */
const AT_ONCE = 500

function groupsOf<T>(all: readonly T[]): T[][] {
  return Array.from({ length: Math.ceil(all.length / AT_ONCE) }, (_, i) => all.slice(i * AT_ONCE, (i + 1) * AT_ONCE))
}

/** Whether changes of this table are in the publication, or could be: it is ours, and so is the table. `isMade`: one that is not there will be made. */
export function canPublish(
  found: Publication | undefined,
  table: { readonly oid: number; readonly owned: boolean },
  isMade: boolean,
): boolean {
  if (found === undefined) return isMade && table.owned
  return found.tables.has(table.oid) || (found.ours && table.owned)
}

/** Which of the plan's tables are not published. Throws PUBLICATION_MISSING. */
export async function unpublished(
  sql: pg.ClientBase,
  plan: PublicationPlan,
  version: number,
  source: string,
): Promise<readonly PublishedTable[]> {
  const found = await readPublication(sql, plan.name, version)
  if (found === undefined) throw publicationMissing(plan, source)
  return plan.tables.filter(({ oid }) => !found.tables.has(oid))
}

async function requireWhole(
  sql: pg.Client,
  plan: PublicationPlan,
  version: number,
  added: ReadonlySet<number>,
): Promise<string> {
  const found = await readPublication(sql, plan.name, version)
  const missing = plan.tables.filter(table => found?.tables.has(table.oid) !== true)
  if (found === undefined || missing.length > 0)
    throw tablesMissing(
      plan,
      missing,
      missing.every(({ oid }) => added.has(oid)),
    )
  checkSuitable(found, plan)
  return found.oid
}

/** The statement that makes it, for people and for us. */
export function createStatement(plan: PublicationPlan): string {
  const operations = plan.insertsOnly ? 'insert, truncate' : 'insert, update, delete, truncate'
  return `CREATE PUBLICATION ${quoteIdentifier(plan.name)} FOR TABLE ${tableList(plan.tables)} WITH (publish = '${operations}', publish_via_partition_root = true)`
}

function addStatement({ name }: PublicationPlan, tables: readonly PublishedTable[]): string {
  return `ALTER PUBLICATION ${quoteIdentifier(name)} ADD TABLE ${tableList(tables)}`
}

function dropStatement({ name }: Pick<PublicationPlan, 'name'>, relations: readonly string[]): string {
  const list = relations.map(relation => `ONLY ${relation}`).join(', ')
  return `ALTER PUBLICATION ${quoteIdentifier(name)} DROP TABLE ${list}`
}

function tableList(tables: readonly PublishedTable[]): string {
  // ONLY: children by inheritance are tables of their own. A partitioned table has no rows without its partitions.
  return tables.map(table => (table.partitioned ? table.relation : `ONLY ${table.relation}`)).join(', ')
}

/** Drops it if it is there and ours. */
export async function dropPublication(sql: pg.Client, name: string): Promise<'dropped' | 'kept' | 'absent'> {
  const { rows } = await sql.query<{ oid: string; ours: string }>(
    `SELECT oid, ${IS_OURS} AS ours FROM pg_catalog.pg_publication WHERE pubname = $1`,
    [name],
  )
  const [row] = rows
  if (row === undefined) return 'absent'
  if (row.ours !== 't') return 'kept'
  const { rows: members } = await sql.query<{ relation: string }>(
    `SELECT ${QUALIFIED} AS relation FROM pg_catalog.pg_publication_rel r
     JOIN pg_catalog.pg_class c ON c.oid = r.prrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
     WHERE r.prpubid = $1::oid OFFSET $2`,
    [row.oid, AT_ONCE],
  )
  for (const group of groupsOf(members)) {
    const relations = group.map(({ relation }) => relation)
    await sql.query(dropStatement({ name }, relations))
  }
  await sql.query(`DROP PUBLICATION IF EXISTS ${quoteIdentifier(name)}`)
  return 'dropped'
}

const QUALIFIED = "pg_catalog.format('%I.%I', n.nspname, c.relname)"
const IS_OURS = `coalesce(pg_catalog.obj_description(oid, 'pg_publication') = '${MARK}', false)`

interface PublicationRow {
  oid: string
  pubviaroot: string
  operations: string
  ours: string
}

/** Undefined if there is none of that name. */
export async function readPublication(
  sql: pg.ClientBase,
  name: string,
  version: number,
): Promise<Publication | undefined> {
  const { rows } = await sql.query<PublicationRow>(
    `SELECT oid, pubviaroot, ${IS_OURS} AS ours,
       pg_catalog.concat_ws(',', CASE WHEN pubinsert THEN 'insert' END, CASE WHEN pubupdate THEN 'update' END,
         CASE WHEN pubdelete THEN 'delete' END, CASE WHEN pubtruncate THEN 'truncate' END) AS operations
     FROM pg_catalog.pg_publication WHERE pubname = $1`,
    [name],
  )
  const [row] = rows
  if (row === undefined) return undefined
  // Columns of pg_publication_rel since 15. What is published by schema or as a partition of a root has no row there.
  const filtered = version < 150_000 ? 'false' : 'coalesce(r.prqual IS NOT NULL OR r.prattrs IS NOT NULL, false)'
  const { rows: tables } = await sql.query<{ oid: string; relation: string; filtered: string }>(
    `SELECT c.oid, ${QUALIFIED} AS relation, ${filtered} AS filtered
     FROM pg_catalog.pg_publication_tables t
     JOIN pg_catalog.pg_namespace n ON n.nspname = t.schemaname
     JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid AND c.relname = t.tablename
     LEFT JOIN pg_catalog.pg_publication_rel r ON r.prpubid = $2::oid AND r.prrelid = c.oid
     WHERE t.pubname = $1`,
    [name, row.oid],
  )
  return {
    oid: row.oid,
    operations: new Set(row.operations.split(',')),
    viaRoot: row.pubviaroot === 't',
    tables: new Map(
      tables.map(({ oid, relation, filtered }) => [Number(oid), { relation, filtered: filtered === 't' }]),
    ),
    ours: row.ours === 't',
  }
}

function checkSuitable(found: Publication, plan: PublicationPlan): void {
  const needed = plan.insertsOnly ? ['insert', 'truncate'] : ['insert', 'update', 'delete', 'truncate']
  const absent = needed.filter(operation => !found.operations.has(operation))
  if (absent.length > 0) throw unsuitable(plan, `does not publish ${absent.join(', ')}`, "publish = '...'")
  if (!found.viaRoot && plan.tables.some(table => table.partitioned))
    throw unsuitable(plan, 'publishes partitions under their own names', 'publish_via_partition_root = true')
  const filtered = plan.tables.filter(table => found.tables.get(table.oid)?.filtered)
  if (filtered.length > 0)
    throw unsuitable(
      plan,
      `leaves out rows or columns of ${names(filtered)}`,
      'whole tables; `columns.exclude` and `mask` of the source for columns',
    )
}

function names(tables: readonly PublishedTable[]): string {
  return someOf(tables.map(table => table.relation))
}

function unsuitable(plan: PublicationPlan, what: string, wanted: string): TailraceError {
  return new TailraceError('PUBLICATION_UNSUITABLE', 'stop', `Publication "${plan.name}" ${what}.`, {
    hint: `It needs ${wanted}. As it was meant: ${createStatement(plan)}`,
  })
}

/** `added`: nothing of them was read yet. */
function tablesMissing(plan: PublicationPlan, missing: readonly PublishedTable[], added: boolean): TailraceError {
  const when = added
    ? `Let its owner run: ${addStatement(plan, missing)}; then start again, and their rows are loaded.`
    : `Before the first start, let its owner run: ${addStatement(plan, missing)}. Later, changes in between would be lost: give the table to a new source, or take it out of \`tables\`.`
  return new TailraceError('PUBLICATION_TABLES', 'stop', `Publication "${plan.name}" lacks ${names(missing)}.`, {
    hint: when,
  })
}

function publicationMissing(plan: PublicationPlan, source: string): TailraceError {
  return new TailraceError('PUBLICATION_MISSING', 'stop', `Publication "${plan.name}" is not there any more.`, {
    hint: `Without it the server cannot decode what was written meanwhile, also if it is made again. ${resyncHint(source)}`,
  })
}
