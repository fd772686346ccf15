import type { Purge, SinkContext, Table } from '../../runtime/contract.ts'
import { crashPoint } from '../../runtime/crash.ts'
import { Bulk } from './bulk.ts'
import type { Client } from './client.ts'
import { Documents } from './documents.ts'
import { drop } from './generations.ts'
import { readHead, sinkId } from './head.ts'
import { createIndex, identities, lostIndex, propertiesOf, refreshIndex, removeIndexes } from './indexes.ts'
import { DELETED } from './mapping.ts'
import { newIndex, writeAlias } from './names.ts'
import { documentsOf } from './reader.ts'
import { RowDocuments } from './row-document.ts'
import { pagesOf } from './scroll.ts'
import { putTable, settleTable, type TableDocument, type TableEntry } from './tables.ts'

/** Whether a document under one of the keys goes; `isMarked`: it says itself that its row was deleted. */
type Goes = (isMarked: boolean) => boolean

/**
 * As `SinkPlugin.purge`: each index of the tables is copied without what is to go, and the copy takes its place. What an
 * engine deletes it keeps in its files until it feels like merging them; an index that is removed leaves none. A hidden
 * generation that holds another life of a table goes as a whole.
 */
export async function purge(
  client: Client,
  context: SinkContext,
  settings: Readonly<Record<string, unknown>>,
  { tables, rows }: Purge,
  signal: AbortSignal,
): Promise<string[]> {
  const documents = new Documents(client)
  await documents.prepare(signal)
  const sink = sinkId(context)
  const { next, previous } = await readHead(documents, sink, signal)
  const lines: string[] = []
  for (const entry of await documents.find<TableDocument>({ kind: 'table', sink }, signal)) {
    const { document } = entry
    const table = tables.find(({ name }) => name === document.table)
    if (table === undefined) continue
    const hidden = document.generation === next ? 'next' : document.generation === previous ? 'previous' : undefined
    if (hidden !== undefined && document.incarnation !== table.incarnation) {
      await drop(client, context, hidden, signal)
      lines.push(`removed the ${hidden} generation`)
      continue
    }
    // Hidden generations are not told of deletes; the live one keeps rows unless its deletes remove them.
    const isAll = hidden !== undefined || context.onDelete === 'ignore'
    const goes: Goes = isMarked => isAll || isMarked
    const keys = rows.flatMap(row => (row.table.name === table.name ? [row.key] : []))
    const ids = idsOf(table, keys)
    await copy(
      { client, documents, settings },
      entry,
      id => (ids.has(id) ? goes : undefined),
      hidden === undefined,
      signal,
    )
    lines.push(`rewrote index ${document.index}`)
  }
  return lines
}

/** Of a table without a key, keys name log and version. */
function idsOf(table: Table, keys: readonly Uint8Array[]): ReadonlySet<string> {
  const of = new RowDocuments(table, '', false)
  return new Set(keys.map(key => of.idOfKey(key)))
}

interface CopyParts {
  readonly client: Client
  readonly documents: Documents
  readonly settings: Readonly<Record<string, unknown>>
}

/** Documents keep their versions. A crash leaves the index as it was, or replaced. */
async function copy(
  parts: CopyParts,
  entry: TableEntry,
  of: (id: string) => Goes | undefined,
  isLive: boolean,
  signal: AbortSignal,
): Promise<void> {
  const { client, settings } = parts
  const { copying: cut, ...document } = entry.document
  if (cut !== undefined) await removeIndexes(client, [cut], signal)
  const copying = newIndex(document.alias)
  const begun = await putTable(parts, entry, { ...document, copying }, signal)
  const properties = await propertiesOf(client, document.index, signal)
  await createIndex(client, copying, { settings, properties, alias: undefined }, signal)
  const bulk = new Bulk(client, 'false', signal)
  const ids = { _source: false }
  for await (const page of pagesOf<{ readonly _id: string }>(client, document.index, ids, signal))
    for await (const group of documentsOf(
      client,
      document.index,
      page.map(({ _id }) => _id),
      signal,
    ))
      for (const { id, version, source } of group) {
        if (source === undefined || of(id)?.(source[DELETED] === true) === true) continue
        const bytes = Buffer.from(JSON.stringify(source))
        const write = (into: Buffer, at: number): number =>
          at + bytes.length > into.length ? -1 : at + bytes.copy(into, at)
        bulk.add(0, writeAlias(copying), id, version, write, bytes.length + 1)
        if (bulk.isFull) await bulk.send()
      }
  const refused = await bulk.done()
  if (refused.length > 0)
    throw new Error(`the engine refuses documents of ${document.index} that it has: ${refused[0]!.reason}`)
  await refreshIndex(client, copying, signal)
  crashPoint('elasticsearch.purged')
  const uuid = (await identities(client, [copying], signal)).get(copying)
  if (uuid === undefined) throw lostIndex(copying)
  const placed = await putTable(parts, begun, { ...document, index: copying, uuid, leaves: document.index }, signal)
  crashPoint('elasticsearch.purged')
  await settleTable(parts, placed, isLive, signal)
}
