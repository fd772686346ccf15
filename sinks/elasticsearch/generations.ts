import type { Generation, SinkContext } from '../../runtime/contract.ts'
import { crashPoint } from '../../runtime/crash.ts'
import type { Client } from './client.ts'
import type { RowDocument } from './cursor-row.ts'
import { Documents } from './documents.ts'
import { changeHead, fieldOf, type HeadDocument, readHead, sinkId, type Which } from './head.ts'
import { moveAliases, refreshIndex, removeIndexes } from './indexes.ts'
import { indexesOfTable, type TableDocument } from './tables.ts'

/**
 * Generations of a sink: indexes that no alias of readers points to, with tables and cursors of their own. A swap is one
 * change of the head, which says which of them is live; then the aliases of all tables move in one request. Whoever opens
 * the live one after a crash between the two moves them.
 */

/** As `Generations.swap`. */
export async function swap(client: Client, context: SinkContext, signal: AbortSignal): Promise<void> {
  const documents = await prepared(client, signal)
  const sink = sinkId(context)
  await settle(client, documents, sink, signal)
  const { next, live, previous } = await readHead(documents, sink, signal)
  if (next === undefined || !(await isBuilt(documents, sink, next, signal))) return
  if (previous !== undefined) await removeGeneration(client, documents, sink, 'previous', signal)
  for (const generation of [live, next]) await fence(documents, sink, generation, signal)
  crashPoint('elasticsearch.step')
  const become = ({ next: now, live: then, previous: _, ...head }: HeadDocument): HeadDocument => ({
    ...head,
    ...(now === undefined ? {} : { live: now }),
    ...(then === undefined ? {} : { previous: then }),
    moving: true,
  })
  await changeHead(documents, sink, head => (head.next === next ? become(head) : undefined), signal)
  crashPoint('elasticsearch.step')
  await settle(client, documents, sink, signal)
}

/** As `Generations.recall`. */
export async function recall(client: Client, context: SinkContext, signal: AbortSignal): Promise<boolean> {
  const documents = await prepared(client, signal)
  const sink = sinkId(context)
  await settle(client, documents, sink, signal)
  const { previous } = await readHead(documents, sink, signal)
  if (previous === undefined || !(await isBuilt(documents, sink, previous, signal))) return false
  await removeGeneration(client, documents, sink, 'next', signal)
  await fence(documents, sink, previous, signal)
  const become = ({ previous: back, ...head }: HeadDocument): HeadDocument | undefined =>
    back === previous ? { ...head, next: back } : undefined
  await changeHead(documents, sink, become, signal)
  return true
}

/** As `Generations.drop`. */
export async function drop(
  client: Client,
  context: SinkContext,
  generation: Generation,
  signal: AbortSignal,
): Promise<void> {
  const documents = await prepared(client, signal)
  await settle(client, documents, sinkId(context), signal)
  await removeGeneration(client, documents, sinkId(context), generation, signal)
}

/** Removes all generations. Answers a line for each thing removed. */
export async function removeAll(client: Client, context: SinkContext, signal: AbortSignal): Promise<string[]> {
  const documents = await prepared(client, signal)
  const sink = sinkId(context)
  const lines: string[] = []
  for (const which of ['next', 'previous', undefined] as const)
    lines.push(...(await removeGeneration(client, documents, sink, which, signal)))
  await documents.remove(sink, signal)
  await documents.removeIfEmpty(signal)
  return lines
}

/** Ends a swap that was cut off: aliases go to the live generation, and tables that it lacks have none. */
export async function settle(client: Client, documents: Documents, sink: string, signal: AbortSignal): Promise<void> {
  const head = await readHead(documents, sink, signal)
  if (head.moving !== true) return
  const of = async (generation: string | undefined): Promise<readonly TableDocument[]> =>
    generation === undefined ? [] : tablesOf(documents, sink, generation, signal)
  const live = new Map((await of(head.live)).map(({ alias, index }) => [alias, index]))
  const aliases = new Set([...live.keys(), ...(await of(head.previous)).map(({ alias }) => alias)])
  // What was written lately is found by nobody yet.
  for (const index of live.values()) await refreshIndex(client, index, signal)
  await moveAliases(
    client,
    Array.from(aliases, alias => ({ alias, to: live.get(alias) })),
    signal,
  )
  crashPoint('elasticsearch.step')
  const end = ({ moving, ...rest }: HeadDocument): HeadDocument | undefined => (moving === true ? rest : undefined)
  await changeHead(documents, sink, end, signal)
}

async function prepared(client: Client, signal: AbortSignal): Promise<Documents> {
  const documents = new Documents(client)
  await documents.prepare(signal)
  return documents
}

async function tablesOf(
  documents: Documents,
  sink: string,
  generation: string,
  signal: AbortSignal,
): Promise<TableDocument[]> {
  const found = await documents.find<TableDocument>({ kind: 'table', sink, generation }, signal)
  return found.map(({ document }) => document)
}

/** Whether a cursor vouches for it. */
async function isBuilt(documents: Documents, sink: string, generation: string, signal: AbortSignal): Promise<boolean> {
  const rows = await documents.find<RowDocument>({ kind: 'row', sink, generation }, signal)
  return rows.some(({ document }) => document.cursor !== undefined)
}

/** Whoever still writes to it is refused from here on. */
async function fence(
  documents: Documents,
  sink: string,
  generation: string | undefined,
  signal: AbortSignal,
): Promise<void> {
  if (generation === undefined) return
  for (const { id } of await documents.find<RowDocument>({ kind: 'row', sink, generation }, signal))
    for (;;) {
      const found = await documents.get<RowDocument>(id, signal)
      if (found === undefined) break
      const { document, place } = found
      const raised = { ...document, epoch: document.epoch + 1 }
      if ((await documents.put(id, raised, place, signal)) !== undefined) break
    }
}

/** First its rows, so that no cursor vouches for what is left; the head forgets it last. Answers a line for each thing. */
async function removeGeneration(
  client: Client,
  documents: Documents,
  sink: string,
  which: Which,
  signal: AbortSignal,
): Promise<string[]> {
  const field = fieldOf(which)
  const { [field]: generation } = await readHead(documents, sink, signal)
  if (generation === undefined) return []
  const lines: string[] = []
  for (const { id, document } of await documents.find<RowDocument>({ kind: 'row', sink, generation }, signal)) {
    await documents.remove(id, signal)
    lines.push(`cursor of ${document.source}`)
  }
  for (const { id, document } of await documents.find<TableDocument>({ kind: 'table', sink, generation }, signal)) {
    await removeIndexes(client, indexesOfTable(document), signal)
    await documents.remove(id, signal)
    lines.push(`index ${document.index}`)
  }
  const without = (head: HeadDocument): HeadDocument | undefined => {
    const { [field]: gone, ...rest } = head
    return gone === generation ? rest : undefined
  }
  await changeHead(documents, sink, without, signal)
  return lines
}
