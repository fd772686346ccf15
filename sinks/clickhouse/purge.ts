import type { Purge, SinkContext, Table } from '../../runtime/contract.ts'
import { crashPoint } from '../../runtime/crash.ts'
import type { Held } from './catalog.ts'
import type { Client } from './client.ts'
import { drop, settle } from './generations.ts'
import { readHead, sinkId } from './head.ts'
import { KeyBytes } from './keys.ts'
import { createTable, type LayoutOptions, Own, ownColumns, rowKey } from './layout.ts'
import { keysPlace, makingPlace, type Place, sqlName } from './names.ts'
import { keyForms } from './reader.ts'
import { type ColumnForm, columnType } from './row-bytes.ts'
import { INSERTING, quote, READING, settingsText, text } from './sql.ts'
import { type Found, State } from './state.ts'
import { commentOf, dropTable, makeTable, placeIn, putInPlace, type TableDocument, tableAt } from './tables.ts'

interface Parts {
  readonly client: Client
  readonly state: State
  readonly sink: string
  readonly options: LayoutOptions
}

/**
 * As `SinkPlugin.purge`: each table is copied without what is to go, and the copy takes its place. A server keeps what was
 * replaced or deleted in its files until it feels like merging them; a table that is dropped leaves none. A hidden generation
 * that holds another life of a table goes as a whole.
 */
export async function purge(
  client: Client,
  context: SinkContext,
  options: LayoutOptions,
  { tables, rows }: Purge,
  signal: AbortSignal,
): Promise<string[]> {
  const state = new State(client)
  await state.prepare(signal)
  const sink = sinkId(context)
  await settle(client, state, sink, signal)
  const { next, previous, live } = await readHead(state, sink, signal)
  const lines: string[] = []
  const dropped = new Set<string>()
  for (const found of await state.find<TableDocument>({ sink }, signal)) {
    if (found.id.name === '' || dropped.has(found.id.generation)) continue
    const table = tables.find(({ name }) => name === found.document.table)
    if (table === undefined) continue
    const { generation } = found.id
    const hidden = generation === next ? 'next' : generation === previous ? 'previous' : undefined
    if (hidden !== undefined && found.document.incarnation !== table.incarnation) {
      await drop(client, context, hidden, signal)
      dropped.add(generation)
      lines.push(`removed the ${hidden} generation`)
      continue
    }
    const at = placeIn(found.document.place, generation, generation === live)
    const keys = rows.flatMap(row => (row.table.name === table.name ? [row.key] : []))
    // Hidden generations are not told of deletes; the live one keeps rows unless its deletes remove them.
    const isAll = hidden !== undefined || context.onDelete === 'ignore'
    await copy({ client, state, sink, options }, found, at, { table, keys, isAll }, signal)
    lines.push(`rewrote table ${sqlName(at)}`)
  }
  return lines
}

interface Wanted {
  readonly table: Table
  readonly keys: readonly Uint8Array[]
  /** Rows under the keys go also where no delete has marked them. */
  readonly isAll: boolean
}

/** Rows keep their versions. A crash leaves the table as it was, or replaced. */
async function copy(
  parts: Parts,
  found: Found<TableDocument>,
  at: Place,
  wanted: Wanted,
  signal: AbortSignal,
): Promise<void> {
  const { client, state, sink, options } = parts
  const { document } = found
  const [making, keys] = [makingPlace(at), keysPlace(at)]
  for (const place of [making, keys]) await dropTable(client, place, signal)
  if ((await tableAt(client, at, signal)) === undefined) return
  const { before: _, ...rest } = document
  const { layout } = document
  const uuid = await makeTable(client, making, createTable(making, layout, options, commentOf(sink)), signal)
  await putKeys(parts, { at, layout }, keys, wanted, signal)
  const names = [...layout.columns.map(({ name }) => name), ...ownColumns(layout.key.length > 0, options)]
  const columns = names.map(quote).join(', ')
  await client.ask(
    `INSERT INTO ${sqlName(making)} (${columns})
     SELECT ${columns} FROM ${sqlName(at)} FINAL WHERE NOT (${goes({ at, layout }, keys, wanted, options)}) ${READING}`,
    signal,
    { isLong: true },
  )
  await dropTable(client, keys, signal)
  crashPoint('clickhouse.purged')
  const former = { ...rest, uuid: (await tableAt(client, at, signal))!.uuid }
  await state.put(found.id, { ...rest, uuid, before: former }, found.revision + 1n, signal)
  crashPoint('clickhouse.purged')
  await putInPlace(client, making, at, true, signal)
  await dropTable(client, making, signal)
  await state.put(found.id, { ...rest, uuid }, found.revision + 2n, signal)
}

/** The condition of rows that are to go. What FINAL leaves out is gone anyway. */
function goes(held: Held, keys: Place, { table, isAll }: Wanted, { marks, history }: LayoutOptions): string {
  const isEvery = isAll || history || held.layout.key.length === 0
  // A row that no delete has marked came later under the same key.
  if (!isEvery && !marks) return '0'
  const named = nameColumns(held, table).map(({ name }) => quote(name))
  const isNamed = `ifNull((${named.join(', ')}) IN (SELECT * FROM ${sqlName(keys)}), 0)`
  return isEvery ? isNamed : `${Own.deleted} AND ${isNamed}`
}

/** A table of the keys. */
async function putKeys(
  { client, sink }: Parts,
  held: Held,
  place: Place,
  { table, keys }: Wanted,
  signal: AbortSignal,
): Promise<void> {
  const named = nameColumns(held, table)
  const columns = named.map(({ form }, i) => `k${i} ${columnType(form)}`)
  await makeTable(
    client,
    place,
    `CREATE TABLE ${sqlName(place)} (${columns.join(', ')}) ENGINE = MergeTree ORDER BY tuple() ${settingsText({})} COMMENT ${text(commentOf(sink))}`,
    signal,
  )
  const encoded = new KeyBytes(named.map(({ form }) => form))
  const rows = keys.flatMap(key => encoded.of(key) ?? [])
  if (rows.length > 0)
    await client.insert(`INSERT INTO ${sqlName(place)} ${INSERTING} FORMAT RowBinary`, Buffer.concat(rows), signal)
}

/** The columns that keys of the table name. */
function nameColumns(held: Held, table: Table): readonly { readonly name: string; readonly form: ColumnForm }[] {
  const { columns, key } = held.layout
  if (table.key.length === 0 || key.length > 0) {
    const forms = keyForms(held)
    return rowKey(held.layout).map(({ name }, i) => ({ name, form: forms[i]! }))
  }
  return table.key.map(i => {
    const { name, storage } = columns.find(({ source }) => source === table.columns[i]!.name)!
    return { name, form: { storage, isNullable: false } }
  })
}
