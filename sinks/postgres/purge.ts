import { sleep } from '../../runtime/abort.ts'
import type { Purge, SinkContext, Table } from '../../runtime/contract.ts'
import { crashPoint } from '../../runtime/crash.ts'
import { TailraceError } from '../../runtime/errors.ts'
import type { ServerAddress } from '../../runtime/server-address.ts'
import { hasTable, ownTables } from './catalog.ts'
import type { Connection } from './connection.ts'
import { changePlaces, GENERATIONS, ownersOf, removeGeneration } from './generations.ts'
import { hasMarks, type Layout, rowKey, tableName } from './layout.ts'
import { RowTexts } from './row-texts.ts'
import { isValueFault } from './server-error.ts'
import { purgeRows } from './statements.ts'
import { arraysOf } from './writer.ts'

const WAIT_MS = 30_000
const LOOK_EVERY_MS = 100

/**
 * As `SinkPlugin.purge`: rows that deletes have left go from the tables of all generations, which are then written anew
 * (VACUUM FULL): the server itself keeps what was deleted in its files until it comes by. The server's write-ahead log,
 * its backups and replicas are its own. Throws TARGET_BUSY while a transaction goes on that could still see the rows.
 */
export async function purge(
  address: ServerAddress,
  context: SinkContext,
  { tables, rows }: Purge,
  signal: AbortSignal,
): Promise<string[]> {
  const forgotten = async (connection: Connection): Promise<string | undefined> => {
    for (const table of tables) {
      const keys = rows.flatMap(row => (row.table.name === table.name ? [row.key] : []))
      await forget(connection, context, table, keys)
    }
    crashPoint('postgres.applied')
    const [row] = await connection.query('SELECT pg_catalog.pg_current_xact_id()::pg_catalog.xid AS xid')
    return row!.xid!
  }
  const names = new Set(tables.map(({ name }) => name))
  const rewrite = async (connection: Connection, xid: string | undefined): Promise<string[]> => {
    await waitForReaders(connection, xid!, signal)
    const lines: string[] = []
    for (const generation of GENERATIONS)
      for (const { sourceTable, layout } of await ownTables(connection, ownersOf(context, generation)))
        if (names.has(sourceTable) && (await hasTable(connection, layout))) {
          await connection.run(`VACUUM (FULL, ANALYZE) ${tableName(layout)}`)
          lines.push(`rewrote ${layout.schema}.${layout.table}`)
        }
    return lines
  }
  return (await changePlaces(address, context, signal, forgotten, rewrite)) ?? []
}

/** The hidden generations are not told of deletes; the live one keeps rows unless its deletes remove them. */
async function forget(
  connection: Connection,
  context: SinkContext,
  table: Table,
  keys: readonly Uint8Array[],
): Promise<void> {
  for (const generation of GENERATIONS) {
    const isHidden = generation !== undefined
    for (const { sourceTable, layout } of await ownTables(connection, ownersOf(context, generation))) {
      if (sourceTable !== table.name || !(await hasTable(connection, layout))) continue
      if (!isKeyOf(layout, table)) {
        if (!isHidden) continue
        // It is of a former life with another key, by which the rows cannot be found.
        await removeGeneration(connection, context, generation)
        break
      }
      const isEvery = isHidden || context.onDelete === 'ignore'
      if (isEvery || hasMarks(layout)) await deleteRows(connection, layout, keys, !isEvery)
    }
  }
}

function isKeyOf(layout: Layout, { key, columns }: Table): boolean {
  const names = key.map(i => layout.columns.find(({ source }) => source === columns[i]!.name)?.name)
  return names.length === layout.key.length && names.every((name, i) => name === layout.key[i])
}

/** Keys that the columns cannot hold they do not have. */
async function deleteRows(
  connection: Connection,
  layout: Layout,
  keys: readonly Uint8Array[],
  isMarked: boolean,
): Promise<void> {
  if (keys.length === 0) return
  const texts = new RowTexts(rowKey(layout), { kind: 'remove' }, '')
  const parameters = arraysOf(
    texts,
    keys.map(cells => ({ cells, index: 0, version: 0n })),
  )
  await connection.run('SAVEPOINT purged')
  try {
    await connection.apply(purgeRows(layout, isMarked), parameters, false)
    await connection.run('RELEASE SAVEPOINT purged')
  } catch (error) {
    if (!isValueFault(error)) throw error
    await connection.run('ROLLBACK TO SAVEPOINT purged; RELEASE SAVEPOINT purged')
    if (keys.length === 1) return
    const middle = keys.length >>> 1
    await deleteRows(connection, layout, keys.slice(0, middle), isMarked)
    await deleteRows(connection, layout, keys.slice(middle), isMarked)
  }
}

/** A row that was deleted stays in the file while someone may look at it. */
async function waitForReaders(connection: Connection, xid: string, signal: AbortSignal): Promise<void> {
  const until = Date.now() + WAIT_MS
  for (;;) {
    const [row] = await connection.query(
      `SELECT pg_catalog.string_agg(who, ', ') AS who FROM (
         SELECT 'pid ' || pid AS who FROM pg_catalog.pg_stat_activity
         WHERE pid <> pg_catalog.pg_backend_pid() AND datname = pg_catalog.current_database()
           AND pg_catalog.age(backend_xmin) >= pg_catalog.age($1::pg_catalog.xid)
         UNION ALL SELECT 'slot ' || slot_name FROM pg_catalog.pg_replication_slots
         WHERE pg_catalog.age(xmin) >= pg_catalog.age($1::pg_catalog.xid)
         UNION ALL SELECT 'prepared transaction ' || gid FROM pg_catalog.pg_prepared_xacts
         WHERE pg_catalog.age(transaction) >= pg_catalog.age($1::pg_catalog.xid)) AS older`,
      [xid],
    )
    if (row!.who === null) return
    if (Date.now() > until)
      throw new TailraceError(
        'TARGET_BUSY',
        'retry',
        `Rows cannot leave the files at ${connection.server}: they may still be looked at (${row!.who}).`,
        { hint: 'End that transaction, then try again.' },
      )
    await sleep(LOOK_EVERY_MS, signal)
  }
}
