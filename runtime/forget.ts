import { abortable } from './abort.ts'
import type { RowKey, Table } from './contract.ts'
import { TailraceError } from './errors.ts'
import { notRunning } from './lent.ts'
import { isChosen } from './quarantine/quarantine.ts'
import { keyFromText } from './record/key.ts'
import type { SinkPart } from './sink-part.ts'
import type { SourcePart } from './source-part.ts'
import type { ForgetReceipt } from './status.ts'
import { findTable } from './tables.ts'

export interface ForgetParts {
  readonly sources: readonly SourcePart[]
  readonly sinks: readonly SinkPart[]
  /** It is being built anew. */
  readonly isRebuilt: (sink: SinkPart) => boolean
  /** Ends the sink's work, and has it begin again after this. */
  readonly resting: (sink: SinkPart, work: () => Promise<void>) => Promise<void>
}

/** See `RunningPipeline.forget`. The sinks come last: what is in the log could come to them again. */
export async function forget(
  name: string,
  keys: readonly string[],
  { sources, sinks, isRebuilt, resting }: ForgetParts,
  signal: AbortSignal,
): Promise<ForgetReceipt> {
  const { source, table } = findTable(sources, name)
  const { log } = source
  if (log.forget === undefined) throw unsupported()
  const rows = keys.map(text => rowOf(table, text))
  const taking = sinks.filter(sink => sink.sources.includes(source) && sink.takes(table))
  for (const sink of taking) {
    if (isRebuilt(sink)) throw rebuilt(sink.name)
    if (sink.supervisor.state !== 'running') throw notRunning(sink.supervisor)
  }
  await Promise.all(taking.map(sink => sink.settled(source, signal)))
  const report = await log.forget(rows, signal)
  const receipts: Record<string, readonly string[]> = {}
  for (const sink of taking)
    await resting(sink, async () => {
      receipts[sink.name] = await abortable(sink.upkeep({ act: 'purge', tables: [table], rows }, signal), signal)
      await sink.quarantine.drop(row => isChosen({ table: name, keys }, row))
    })
  return { table: name, keys, at: new Date().toISOString(), log: report, sinks: receipts }
}

function rowOf(table: Table, text: string): RowKey {
  const key = table.key.length === 0 ? undefined : keyFromText(text, table.key.length)
  if (key !== undefined) return { table, key }
  const columns = table.key.map(i => table.columns[i]!.name)
  throw new TailraceError('FORGET_KEY', 'stop', `A row of ${table.name} is not named by that.`, {
    hint:
      columns.length === 0
        ? 'The table has no key: its rows go with `retention` of the log.'
        : `Give ${columns.join(' and ')}${columns.length > 1 ? ', joined by |' : ''}, as tailrace changes --key takes it.`,
  })
}

function rebuilt(sink: string): TailraceError {
  return new TailraceError('REBUILD_BUSY', 'stop', `The sink "${sink}" is being built anew.`, {
    hint: 'Wait until that has ended: tailrace status says how far it is.',
  })
}

function unsupported(): TailraceError {
  return new TailraceError('FORGET_UNSUPPORTED', 'stop', 'Logs of this type cannot remove a row.', {
    hint: 'The embedded log can.',
  })
}
