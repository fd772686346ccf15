import type { LoadProgress, RowStates, SourceLog, Table } from '../contract.ts'
import { TailraceError } from '../errors.ts'
import { BatchWriter } from '../record/writer.ts'

const PROGRESS: LoadProgress = { done: false, rows: 0, totalRows: null, state: '' }

/** What the log knows of these keys, in their order: it is shown deletes of them, which nobody appends. */
export async function statesOf(log: SourceLog, table: Table, keys: readonly Uint8Array[]): Promise<RowStates> {
  if (log.states === undefined) throw withoutLookUp(table)
  const writer = new BatchWriter([table])
  writer.beginLoad('', 0n)
  for (const key of keys) writer.deleteKey(table, key)
  writer.commit()
  return log.states(writer.take({ lane: `load:${table.name}`, progress: PROGRESS }))
}

function withoutLookUp({ source }: Table): TailraceError {
  return new TailraceError('LOOKUP_UNSUPPORTED', 'stop', `The log of ${source} cannot look up rows by key.`)
}
