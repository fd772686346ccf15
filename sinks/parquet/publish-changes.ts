import { crashPoint } from '../../runtime/crash.ts'
import type { SourceCursor } from './manifest.ts'
import { mergeSmall } from './merge.ts'
import { changesPath } from './paths.ts'
import { nextTable, ownerOf, type Publishing, partitionOf, removeReplaced } from './publishing.ts'
import { dropSealed, seal } from './sealed.ts'
import type { Intent, Sealed } from './state.ts'
import { unknownRows } from './unknown-rows.ts'
import { Writer } from './writer.ts'

/** Adds files with all changes that no set has yet, if there are some. After a crash anywhere it makes the same files. */
export async function publishChanges(publishing: Publishing, signal: AbortSignal): Promise<void> {
  const { database, sets } = publishing
  const intent = await database.transaction(async () => {
    const left = (await sets.state.read())?.intent
    if (left?.sealed !== undefined) return { ...left, sealed: left.sealed }
    return await seal(database, sets.state, ownerOf(publishing), sets.intent())
  }, signal)
  if (intent === undefined) return
  crashPoint('parquet.sealed')
  await publishSealed(publishing, intent, signal)
  await mergeSmall(publishing, signal)
}

async function publishSealed(
  publishing: Publishing,
  intent: Intent & { readonly sealed: Sealed },
  signal: AbortSignal,
): Promise<void> {
  const { database, sets } = publishing
  using reader = await database.reader(signal)
  const writer = new Writer(reader, sets.place, publishing)
  const tables = { ...sets.manifest.tables }
  for (const own of intent.sealed.tables) {
    const { sourceTable, layout } = own
    const before = tables[sourceTable]
    const { table, schema } = nextTable(publishing, own, before)
    const from = await unknownRows(publishing, reader, layout, before, signal)
    const partition = partitionOf(publishing, sourceTable, layout)
    const path = changesPath(table.folder, intent.sequence)
    const files = await writer.write({ layout, from, partition, schema, path }, signal)
    tables[sourceTable] = { ...table, files: [...(before?.files ?? []), ...files] }
  }
  const gone = await removeReplaced(publishing, signal)
  const settle = (): Promise<void> => dropSealed(database, intent.sealed)
  await sets.publish(intent, { sources: intent.sealed.sources, tables, gone, settle }, signal)
}

/**
 * A history that begins anew: the tables go from the set, and the source's cursor with them. Durable when it resolves;
 * after a crash in the middle it is to be called again.
 */
export async function dropHistory(
  publishing: Publishing,
  source: string,
  isDropped: (table: string) => boolean,
  signal: AbortSignal,
): Promise<void> {
  const { database, sets } = publishing
  await database.transaction(async () => {
    const intent = (await sets.state.read())?.intent
    if (intent?.sealed === undefined) return
    const { tables, sources } = intent.sealed
    const dropped = tables.filter(({ sourceTable }) => isDropped(sourceTable))
    await dropSealed(database, { tables: dropped, sources })
    const rest = tables.filter(({ sourceTable }) => !isDropped(sourceTable))
    await sets.state.intend({ ...intent, sealed: { sources: without(sources, source), tables: rest } })
  }, signal)
  await publishChanges(publishing, signal)
  const { tables, sources } = sets.manifest
  const rest = Object.entries(tables).filter(([name]) => !isDropped(name))
  if (rest.length === Object.keys(tables).length && sources[source] === undefined) return
  const intent = sets.intent()
  await database.transaction(() => sets.state.intend(intent), signal)
  const next = { sources: without(sources, source), tables: Object.fromEntries(rest), gone: new Set<string>() }
  await sets.publish(intent, next, signal)
}

function without(sources: Readonly<Record<string, SourceCursor>>, source: string): Record<string, SourceCursor> {
  return Object.fromEntries(Object.entries(sources).filter(([name]) => name !== source))
}
