import type pg from 'pg'
import type { Random } from '../crash/random.ts'
import { partitionSchema, type WideTable, type WideWriter, wideSchema } from './wide-tables.ts'

/** Statements that change tables, or their rows, without events. Versions of rows only grow all the same. */

export interface DdlPlace {
  readonly client: pg.Client
  readonly writer: WideWriter
  readonly random: Random
  /** Something comes in between: now and then a restart. */
  readonly meanwhile: () => Promise<void>
}

export interface DdlKind {
  readonly name: string
  readonly isFor: (table: WideTable) => boolean
  readonly run: (table: WideTable, place: DdlPlace) => Promise<void>
  /** A start would stop there: the source is not stopped before it has mended that. */
  readonly isMended?: (table: WideTable, client: pg.Client) => Promise<boolean>
  /** For a while there is no table of that name. */
  readonly isAway?: true
}

const isPlain = ({ partitions }: WideTable): boolean => partitions === undefined
const isParted = (table: WideTable): boolean => !isPlain(table)
const isAny = (): boolean => true

export const DDL: readonly DdlKind[] = [
  { name: 'same type, other values', isFor: isAny, run: rewriteValues },
  { name: 'other type', isFor: isAny, run: rewriteType },
  { name: 'column added', isFor: isAny, run: addColumn },
  { name: 'column dropped', isFor: isAny, run: dropColumn },
  { name: 'rewritten as it is', isFor: isPlain, run: rewriteAlike },
  { name: 'made again', isFor: isAny, run: makeAgain },
  { name: 'renamed away and back', isFor: isAny, run: renameAndBack, isAway: true },
  { name: 'another in its place', isFor: isPlain, run: replace },
  { name: 'replica identity', isFor: isPlain, run: changeIdentity },
  { name: 'not published for a while', isFor: isAny, run: unpublish, isMended: isPublished },
  { name: 'partition truncated', isFor: isParted, run: truncatePartition },
  { name: 'partition made again', isFor: isParted, run: makePartitionAgain },
  { name: 'partition detached and attached', isFor: isParted, run: detachAndAttach },
]

export const VERSIONS = 'CREATE SEQUENCE versions'

/** What gives each row of a statement a version of its own, greater than all before. */
async function versions({ client, writer }: DdlPlace): Promise<string> {
  await client.query(`SELECT setval('versions', ${writer.versions(1000)})`)
  return `nextval('versions')`
}

/** Sometimes with a change of rows in the same transaction, behind it. */
async function inTransaction(place: DdlPlace, { name }: WideTable, sql: string): Promise<void> {
  const { client, random } = place
  const behind = random.chance(0.3) ? `; UPDATE ${name} SET small = 'b', ver = ${await versions(place)}` : ''
  await client.query(`BEGIN; ${sql}${behind}; ${random.chance(0.1) ? 'ROLLBACK' : 'COMMIT'}`)
}

async function rewriteValues(table: WideTable, place: DdlPlace): Promise<void> {
  const [column, end] = [place.random.chance(0.5) ? 'big' : 'small', place.random.between(0, 10)]
  await inTransaction(place, table, `ALTER TABLE ${table.name} ALTER ${column} TYPE text USING ${column} || '${end}'`)
}

async function rewriteType(table: WideTable, place: DdlPlace): Promise<void> {
  const type = place.random.chance(0.5) ? 'varchar(60)' : 'text'
  await inTransaction(place, table, `ALTER TABLE ${table.name} ALTER small TYPE ${type} USING left('t' || small, 50)`)
}

async function extraColumns({ client }: DdlPlace, { name }: WideTable): Promise<string[]> {
  const { rows } = await client.query<{ attname: string }>(
    `SELECT attname FROM pg_attribute WHERE attrelid = '${name}'::regclass AND attname LIKE 'extra%' AND NOT attisdropped`,
  )
  return rows.map(({ attname }) => attname)
}

async function addColumn(table: WideTable, place: DdlPlace): Promise<void> {
  const { random } = place
  const there = await extraColumns(place, table)
  const column = `extra_${random.between(0, 4)}`
  if (there.includes(column)) return await dropColumn(table, place)
  const value = ['', " DEFAULT 'constant'", ' DEFAULT random()::text'][random.between(0, 3)]!
  await inTransaction(place, table, `ALTER TABLE ${table.name} ADD COLUMN ${column} text${value}`)
}

async function dropColumn(table: WideTable, place: DdlPlace): Promise<void> {
  const { random } = place
  const [column] = await extraColumns(place, table)
  if (column === undefined) return
  const again = random.chance(0.5) ? `; ALTER TABLE ${table.name} ADD COLUMN ${column} text DEFAULT 'again'` : ''
  await inTransaction(place, table, `ALTER TABLE ${table.name} DROP COLUMN ${column}${again}`)
}

async function rewriteAlike({ name }: WideTable, { client }: DdlPlace): Promise<void> {
  await client.query(`VACUUM FULL ${name}`)
}

async function makeAgain(table: WideTable, { client, random, meanwhile }: DdlPlace): Promise<void> {
  await client.query(`DROP TABLE ${table.name}`)
  if (random.chance(0.3)) await meanwhile()
  await client.query(wideSchema([table]))
}

async function renameAndBack(table: WideTable, place: DdlPlace): Promise<void> {
  const { client, meanwhile } = place
  await client.query(`ALTER TABLE ${table.name} RENAME TO away`)
  await meanwhile()
  await client.query(`UPDATE away SET small = 'away', ver = ${await versions(place)} WHERE ver % 2 = 0`)
  await client.query('DELETE FROM away WHERE ver % 5 = 0')
  await client.query(`ALTER TABLE away RENAME TO ${table.name}`)
}

async function replace(table: WideTable, place: DdlPlace): Promise<void> {
  const { client, random, meanwhile } = place
  const { name, definition } = table
  await client.query(wideSchema([{ ...table, name: 'next_one', definition }]))
  const columns = [...table.key, 'ver', 'small', ...table.wide].join()
  await client.query(`INSERT INTO next_one (${columns}) SELECT ${columns} FROM ${name} WHERE ver % 3 = 0`)
  await meanwhile()
  const ver = await versions(place)
  await client.query(`BEGIN; ALTER TABLE ${name} RENAME TO former_one; ALTER TABLE next_one RENAME TO ${name};
    ${random.chance(0.5) ? `UPDATE ${name} SET ver = ${ver}` : ''}; COMMIT`)
  if (random.chance(0.5)) await client.query(`UPDATE former_one SET small = 'former', ver = ${ver}`)
  await client.query('DROP TABLE former_one')
}

async function changeIdentity({ name }: WideTable, { client, random }: DdlPlace): Promise<void> {
  const choice = random.between(0, 3)
  await client.query(`CREATE UNIQUE INDEX IF NOT EXISTS ${name}_ver ON ${name} (ver)`)
  const identity = ['FULL', 'DEFAULT', `USING INDEX ${name}_ver`][choice]!
  await client.query(`ALTER TABLE ${name} REPLICA IDENTITY ${identity}`)
}

/** Somebody takes it out of the publication of the source `app`. */
async function unpublish(table: WideTable, place: DdlPlace): Promise<void> {
  const { client } = place
  const { name } = table
  const alter = `ALTER PUBLICATION %I DROP TABLE ${name}`
  if (!(await isPublished(table, client))) return
  await client.query(
    `DO $$ BEGIN EXECUTE format('${alter}', (SELECT pubname FROM pg_publication_tables WHERE tablename = '${name}')); END $$`,
  )
  await client.query(`UPDATE ${name} SET small = 'unseen', ver = ${await versions(place)} WHERE ver % 2 = 0`)
  await client.query(`DELETE FROM ${name} WHERE ver % 5 = 0`)
}

async function isPublished({ name }: WideTable, client: pg.Client): Promise<boolean> {
  const { rowCount } = await client.query(`SELECT FROM pg_publication_tables WHERE tablename = '${name}'`)
  return rowCount === 1
}

async function truncatePartition({ partitions }: WideTable, { client, random }: DdlPlace): Promise<void> {
  await client.query(`TRUNCATE ${partitions![random.between(0, partitions!.length)]}`)
}

async function makePartitionAgain(table: WideTable, { client, random, meanwhile }: DdlPlace): Promise<void> {
  const { name, partitions } = table
  const i = random.between(0, partitions!.length)
  await client.query(`DROP TABLE ${partitions![i]}`)
  if (random.chance(0.3)) await meanwhile()
  await client.query(partitionSchema(name, partitions!, i))
}

async function detachAndAttach(table: WideTable, place: DdlPlace): Promise<void> {
  const { client, random, meanwhile } = place
  const { name, partitions } = table
  const i = random.between(0, partitions!.length)
  await client.query(`ALTER TABLE ${name} DETACH PARTITION ${partitions![i]}`)
  await meanwhile()
  await client.query(`UPDATE ${partitions![i]} SET ver = ${await versions(place)}`)
  await client.query(`DELETE FROM ${partitions![i]} WHERE ver % 3 = 0`)
  await client.query(`ALTER TABLE ${name} ATTACH PARTITION ${partitions![i]} FOR VALUES IN (${i})`)
}
