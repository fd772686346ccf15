import type { Cursor, SourceLog } from './contract.ts'
import { TailraceError } from './errors.ts'
import { notRunning } from './lent.ts'
import type { SinkPart } from './sink-part.ts'
import type { ReplayFrom } from './status.ts'

/** See `RunningPipeline.replay`. `again`: ends the sink's work, changes it, and has it begin again. */
export async function replay(
  part: SinkPart,
  from: ReplayFrom,
  again: (change: () => void) => Promise<void>,
  signal: AbortSignal,
): Promise<Readonly<Record<string, string>>> {
  const { state } = part.supervisor
  if (state !== 'running' && state !== 'failed') throw notRunning(part.supervisor)
  const starts = new Map<string, Cursor | 'start'>()
  for (const { name, log } of part.sources) {
    const start = 'since' in from ? await log.before!(from.since) : cursorIn(log, from.cursor)
    if (start !== undefined) starts.set(name, start)
  }
  if (starts.size === 0) throw foreign()
  const begun: Promise<void>[] = []
  await again(() => {
    for (const [name, start] of starts) begun.push(part.delivery(name)!.replay(start, signal))
  })
  await Promise.all(begun)
  return Object.fromEntries(starts)
}

/** The place in this log that one of these cursors names; undefined: they are of other logs. Throws CURSOR_EXPIRED. */
function cursorIn(log: SourceLog, cursors: string): Cursor | 'start' | undefined {
  if (cursors === 'start') return 'start'
  const end = log.end()
  const cursor = (cursors.split(' ') as Cursor[]).find(one => end !== undefined && log.compare(one, end) !== 'foreign')
  if (cursor !== undefined) log.read(cursor, () => false, AbortSignal.abort())
  return cursor
}

function foreign(): TailraceError {
  return new TailraceError('CURSOR_FOREIGN', 'stop', 'The cursor belongs to no log that the sink reads.', {
    hint: 'tailrace changes --json prints cursors; start is the beginning of the log.',
  })
}
