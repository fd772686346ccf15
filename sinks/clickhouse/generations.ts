import type { Generation, SinkContext } from '../../runtime/contract.ts'
import { crashPoint } from '../../runtime/crash.ts'
import type { Client } from './client.ts'
import type { RowDocument } from './cursor-row.ts'
import { changeHead, fieldOf, type Head, headId, readHead, sinkId, type Which } from './head.ts'
import { hiddenPlace, sqlName } from './names.ts'
import { type DocumentId, type Found, State } from './state.ts'
import {
  commentOf,
  dropOurs,
  dropTable,
  placeIn,
  putInPlace,
  type TableDocument,
  tableAt,
  tablesAt,
  taken,
} from './tables.ts'

/**
 * Generations of a sink: tables beside those of readers, with cursors of their own. A swap is one change of the head, which
 * says which of them is live; then the tables change places, each at once. Whoever opens the live one after a crash between
 * the two goes on with that.
 */

/** As `Generations.swap`. */
export async function swap(client: Client, context: SinkContext, signal: AbortSignal): Promise<void> {
  const state = await prepared(client, signal)
  const sink = sinkId(context)
  await settle(client, state, sink, signal)
  const { next, previous } = await readHead(state, sink, signal)
  if (next === undefined || !(await isBuilt(state, sink, next, signal))) return
  if (previous !== undefined) await removeGeneration(client, state, sink, 'previous', signal)
  crashPoint('clickhouse.step')
  const become = ({ next: now, live: then, previous: _, ...head }: Head): Head => ({
    ...head,
    ...(now === undefined ? {} : { live: now }),
    ...(then === undefined ? {} : { previous: then }),
    moving: true,
  })
  await changeHead(state, client.server, sink, head => (head.next === next ? become(head) : undefined), signal)
  crashPoint('clickhouse.step')
  await settle(client, state, sink, signal)
}

/** As `Generations.recall`. */
export async function recall(client: Client, context: SinkContext, signal: AbortSignal): Promise<boolean> {
  const state = await prepared(client, signal)
  const sink = sinkId(context)
  await settle(client, state, sink, signal)
  const { previous } = await readHead(state, sink, signal)
  if (previous === undefined || !(await isBuilt(state, sink, previous, signal))) return false
  await removeGeneration(client, state, sink, 'next', signal)
  const become = ({ previous: back, ...head }: Head): Head | undefined =>
    back === previous ? { ...head, next: back } : undefined
  await changeHead(state, client.server, sink, become, signal)
  return true
}

/** As `Generations.drop`. */
export async function drop(
  client: Client,
  context: SinkContext,
  generation: Generation,
  signal: AbortSignal,
): Promise<void> {
  const state = await prepared(client, signal)
  await settle(client, state, sinkId(context), signal)
  await removeGeneration(client, state, sinkId(context), generation, signal)
}

/** Removes all generations. Answers a line for each thing removed. */
export async function removeAll(client: Client, context: SinkContext, signal: AbortSignal): Promise<string[]> {
  const state = await prepared(client, signal)
  const sink = sinkId(context)
  await settle(client, state, sink, signal)
  const lines: string[] = []
  for (const which of ['next', 'previous', undefined] as const)
    lines.push(...(await removeGeneration(client, state, sink, which, signal)))
  const head = await state.last<Head>(headId(sink), signal)
  if (head?.isRemoved === false) await state.remove([head], signal)
  await state.removeIfEmpty(signal)
  return lines
}

/** Ends a swap that was cut off: the tables of the live generation are where readers look, and no others are. */
export async function settle(client: Client, state: State, sink: string, signal: AbortSignal): Promise<void> {
  const head = await readHead(state, sink, signal)
  if (head.moving !== true) return
  const of = async (generation: string | undefined): Promise<TableDocument[]> =>
    generation === undefined
      ? []
      : (await tablesOf(state, { sink, generation }, signal)).map(({ document }) => document)
  const live = await of(head.live)
  for (const document of live) await moveIn(client, document, sink, head, signal)
  const shown = new Set(live.map(({ place }) => sqlName(place)))
  for (const document of await of(head.previous))
    if (!shown.has(sqlName(document.place))) await moveOut(client, document, head.previous!, signal)
  crashPoint('clickhouse.step')
  const end = ({ moving, ...rest }: Head): Head | undefined => (moving === true ? rest : undefined)
  await changeHead(state, client.server, sink, end, signal)
}

/** Puts a table of the live generation where readers look, and what was there where its own generation has it. */
async function moveIn(
  client: Client,
  { place, uuid }: TableDocument,
  sink: string,
  { live, previous }: Head,
  signal: AbortSignal,
): Promise<void> {
  const hidden = hiddenPlace(place, live!)
  const there = await tablesAt(client, [place, hidden], signal)
  const [shown, beside] = [there.get(sqlName(place)), there.get(sqlName(hidden))]
  if (shown !== undefined && shown.comment !== commentOf(sink)) throw taken(place)
  if (beside?.uuid === uuid) await putInPlace(client, hidden, place, shown !== undefined, signal)
  else if (shown?.uuid !== uuid || beside === undefined) return
  if (shown === undefined) return
  if (previous === undefined) await dropTable(client, hidden, signal)
  else await putInPlace(client, hidden, hiddenPlace(place, previous), false, signal)
}

/** A table that the live generation lacks goes where its own has it. */
async function moveOut(
  client: Client,
  { place, uuid }: TableDocument,
  previous: string,
  signal: AbortSignal,
): Promise<void> {
  if ((await tableAt(client, place, signal))?.uuid === uuid)
    await putInPlace(client, place, hiddenPlace(place, previous), false, signal)
}

async function prepared(client: Client, signal: AbortSignal): Promise<State> {
  const state = new State(client)
  await state.prepare(signal)
  return state
}

async function tablesOf(
  state: State,
  values: Partial<DocumentId>,
  signal: AbortSignal,
): Promise<Found<TableDocument>[]> {
  return (await state.find<TableDocument>(values, signal)).filter(({ id }) => id.name !== '')
}

/** Whether a cursor vouches for it. */
async function isBuilt(state: State, sink: string, generation: string, signal: AbortSignal): Promise<boolean> {
  const rows = await state.find<RowDocument>({ sink, generation, name: '' }, signal)
  return rows.some(({ document }) => document.cursor !== undefined)
}

/** First its rows, so that no cursor vouches for what is left; the head forgets it last. Answers a line for each thing. */
async function removeGeneration(
  client: Client,
  state: State,
  sink: string,
  which: Which,
  signal: AbortSignal,
): Promise<string[]> {
  const field = fieldOf(which)
  const { [field]: generation } = await readHead(state, sink, signal)
  if (generation === undefined) return []
  const lines: string[] = []
  const rows = await state.find<RowDocument>({ sink, generation, name: '' }, signal)
  await state.remove(rows, signal)
  lines.push(...rows.map(({ id }) => `cursor of ${id.source}`))
  for (const found of await tablesOf(state, { sink, generation }, signal)) {
    const at = placeIn(found.document.place, generation, which === undefined)
    await dropOurs(client, sink, [at], signal)
    await state.remove([found], signal)
    lines.push(`table ${sqlName(at)}`)
  }
  const without = (head: Head): Head | undefined => {
    const { [field]: gone, ...rest } = head
    return gone === generation ? rest : undefined
  }
  await changeHead(state, client.server, sink, without, signal)
  return lines
}
