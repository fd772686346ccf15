import type { Client } from './client.ts'
import { fenced } from './cursor-row.ts'
import type { Documents, Found, StateDocument } from './documents.ts'
import { identities, lostIndex, moveAliases, removeIndexes } from './indexes.ts'

/** Where the rows of a table are. */
export interface TableDocument extends StateDocument {
  readonly kind: 'table'
  readonly generation: string
  readonly row: string
  readonly alias: string
  readonly table: string
  readonly incarnation: number
  readonly index: string
  /** The cluster's own name of the index, which another one of that name has not; absent until it is made. */
  readonly uuid?: string
  /** The index whose place this one takes; goes with what is in it. */
  readonly leaves?: string
  /** A copy of the index that is being made; goes where it was cut off. */
  readonly copying?: string
}

export type TableEntry = Pick<Found<TableDocument>, 'document'> & Partial<Pick<Found<TableDocument>, 'place'>>

/** All that there are of it. */
export function indexesOfTable({ index, leaves, copying }: TableDocument): string[] {
  return [index, leaves, copying].filter(name => name !== undefined)
}

export function tableId({ row, alias }: Pick<TableDocument, 'row' | 'alias'>): string {
  return `${row}:${alias}`
}

/** Throws SINK_FENCED if it is not as it was read. */
export async function putTable(
  { documents, client }: { readonly documents: Documents; readonly client: Client },
  { place }: Pick<TableEntry, 'place'>,
  document: TableDocument,
  signal: AbortSignal,
): Promise<TableEntry> {
  const put = await documents.put(tableId(document), document, place, signal)
  if (put === undefined) throw fenced(client.server)
  return { document, place: put }
}

/**
 * The table's index takes its place: readers find it by its alias if it is live, and the one before goes. So does a copy
 * that was not ready. Throws SINK_RESTORED where the index is not there.
 */
export async function settleTable(
  parts: { readonly documents: Documents; readonly client: Client },
  entry: TableEntry,
  isLive: boolean,
  signal: AbortSignal,
): Promise<TableEntry> {
  const { client } = parts
  const { leaves, copying, ...document } = entry.document
  const uuid = (await identities(client, [document.index], signal)).get(document.index)
  if (uuid === undefined) throw lostIndex(document.index)
  if (copying !== undefined) await removeIndexes(client, [copying], signal)
  if (leaves !== undefined) {
    if (isLive) await moveAliases(client, [{ alias: document.alias, to: document.index }], signal)
    await removeIndexes(client, [leaves], signal)
  }
  return await putTable(parts, entry, { ...document, uuid }, signal)
}
