import type { Logger } from 'pino'
import { TailraceError } from '../../runtime/errors.ts'
import type { Connection } from './connection.ts'
import { type Layout, ownName, quote, tableName } from './layout.ts'
import { stateOf } from './server-error.ts'

/** What users have put on a table of the sink, on its way to the one that takes its place. */
export interface UserParts {
  /** Once both tables have their new names. */
  settle(): Promise<void>
}

type Place = Pick<Layout, 'schema' | 'table'>

interface Places {
  readonly live: Layout
  readonly to: Layout
  /** Where the live one will be. */
  readonly previous: Place
}

interface NewIndex {
  readonly name: string
  /** Undefined: the new table refuses it. */
  readonly made: string | undefined
}

/**
 * Builds the indexes that users made on the live table on the other one too, while readers go on, and copies the grants;
 * the rest is done by `settle`: indexes and triggers move, and views read the table of the name that they were made with.
 * In a transaction. Throws SINK_DEPENDENTS for what cannot be moved.
 */
export async function copyUserParts(connection: Connection, places: Places, logger: Logger): Promise<UserParts> {
  const { live, to, previous } = places
  await demandMovable(connection, live)
  const indexes = await copyIndexes(connection, live, to)
  await copyGrants(connection, live, to)
  const triggers = await connection.query(
    `SELECT tgname AS name, pg_catalog.pg_get_triggerdef(oid) AS definition FROM pg_catalog.pg_trigger
     WHERE tgrelid = pg_catalog.to_regclass($1) AND NOT tgisinternal ORDER BY oid`,
    [tableName(live)],
  )
  const views = await connection.query(VIEWS, [tableName(live)])
  return {
    async settle() {
      for (const { name, made } of indexes) {
        await connection.run(`DROP INDEX ${tableName({ schema: live.schema, table: name })}`)
        if (made === undefined)
          logger.warn({ table: `${live.schema}.${live.live}`, index: name }, 'an index on a table could not be kept')
        else
          await connection.run(
            `ALTER INDEX ${tableName({ schema: live.schema, table: made })} RENAME TO ${quote(name)}`,
          )
      }
      for (const { name, definition } of triggers) {
        await connection.run(`DROP TRIGGER ${quote(name!)} ON ${tableName(previous)}`)
        await connection.run(definition!)
      }
      for (const { name, options, definition } of views)
        await replaceView(connection, name!, options ?? '', definition!)
    },
  }
}

/** Views that read the table themselves; those that read them are none of its business. */
const VIEWS = `
  SELECT DISTINCT v.oid::pg_catalog.regclass::text AS name, pg_catalog.pg_get_viewdef(v.oid) AS definition,
    ' WITH (' || pg_catalog.array_to_string(v.reloptions, ', ') || ')' AS options
  FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_rewrite r ON r.oid = d.objid
  JOIN pg_catalog.pg_class v ON v.oid = r.ev_class
  WHERE d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
    AND d.refobjid = pg_catalog.to_regclass($1) AND v.relkind = 'v'`

async function replaceView(connection: Connection, name: string, options: string, definition: string): Promise<void> {
  try {
    await connection.run(`CREATE OR REPLACE VIEW ${name}${options} AS ${definition}`)
  } catch (cause) {
    if (!/^42/.test(stateOf(cause))) throw cause
    throw dependents(`The view ${name} cannot be made to read the new table (${stateOf(cause)}).`, cause)
  }
}

/** Foreign keys, materialized views, policies and inheritance belong to the table itself. */
async function demandMovable(connection: Connection, live: Layout): Promise<void> {
  const found = await connection.query(
    `SELECT pg_catalog.format('the foreign key %I of %s', conname, conrelid::pg_catalog.regclass) AS what
     FROM pg_catalog.pg_constraint
     WHERE contype = 'f' AND pg_catalog.to_regclass($1) IN (conrelid::pg_catalog.regclass, confrelid::pg_catalog.regclass)
     UNION ALL
     SELECT pg_catalog.format('the policy %I', polname) FROM pg_catalog.pg_policy
     WHERE polrelid = pg_catalog.to_regclass($1)
     UNION ALL
     SELECT pg_catalog.format('the table %s that inherits', inhrelid::pg_catalog.regclass)
     FROM pg_catalog.pg_inherits WHERE inhparent = pg_catalog.to_regclass($1)
     UNION ALL
     SELECT DISTINCT pg_catalog.format('the materialized view %s', v.oid::pg_catalog.regclass)
     FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_rewrite r ON r.oid = d.objid
     JOIN pg_catalog.pg_class v ON v.oid = r.ev_class
     WHERE d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass AND d.refobjid = pg_catalog.to_regclass($1)
       AND v.relkind = 'm'`,
    [tableName(live)],
  )
  if (found.length > 0)
    throw dependents(
      `${live.schema}.${live.live} cannot give its place to the new table: ${found.map(({ what }) => what).join(', ')}.`,
    )
}

function dependents(message: string, cause?: unknown): TailraceError {
  return new TailraceError('SINK_DEPENDENTS', 'stop', message, {
    cause,
    hint: 'Drop it, then resume the sink, and make it anew when the new rows are live.',
  })
}

/** Those that come with a constraint, as the primary key's, are not among them. */
async function copyIndexes(connection: Connection, live: Layout, to: Layout): Promise<NewIndex[]> {
  const found = await connection.query(
    `SELECT c.relname AS name, CASE WHEN i.indisunique THEN 'UNIQUE ' ELSE '' END AS kind,
       pg_catalog.substr(pg_catalog.pg_get_indexdef(c.oid), pg_catalog.length(pg_catalog.format('CREATE %sINDEX %I ON %s ',
         CASE WHEN i.indisunique THEN 'UNIQUE ' ELSE '' END, c.relname, i.indrelid::pg_catalog.regclass)) + 1) AS definition
     FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
     WHERE i.indrelid = pg_catalog.to_regclass($1)
       AND NOT EXISTS (SELECT 1 FROM pg_catalog.pg_constraint k WHERE k.conindid = i.indexrelid) ORDER BY c.oid`,
    [tableName(live)],
  )
  const indexes: NewIndex[] = []
  for (const [i, { name, kind, definition }] of found.entries()) {
    const made = ownName(`_tailrace_index_${i}_${live.live}`)
    const sql = `CREATE ${kind}INDEX ${quote(made)} ON ${tableName(to)} ${definition}`
    indexes.push({ name: name!, made: (await isTaken(connection, sql)) ? made : undefined })
  }
  return indexes
}

async function isTaken(connection: Connection, sql: string): Promise<boolean> {
  await connection.run('SAVEPOINT part')
  try {
    await connection.run(sql)
  } catch (error) {
    if (!/^(22|23|42|54)/.test(stateOf(error))) throw error
    await connection.run('ROLLBACK TO SAVEPOINT part; RELEASE SAVEPOINT part')
    return false
  }
  await connection.run('RELEASE SAVEPOINT part')
  return true
}

async function copyGrants(connection: Connection, live: Layout, to: Layout): Promise<void> {
  const grants = await connection.query(
    `SELECT pg_catalog.format('GRANT %s ON TABLE %s TO %s%s', a.privilege_type, $2::text,
       CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE a.grantee::pg_catalog.regrole::text END,
       CASE WHEN a.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END) AS sql
     FROM pg_catalog.pg_class c, pg_catalog.aclexplode(c.relacl) a
     WHERE c.oid = pg_catalog.to_regclass($1) AND a.grantee <> c.relowner`,
    [tableName(live), tableName(to)],
  )
  for (const { sql } of grants) await connection.run(sql!)
}
