import type { CompactionReport, CompactOptions, SourceLog } from './contract.ts'
import { TailraceError } from './errors.ts'

/** Compacts a log now. Throws COMPACT_UNSUPPORTED. */
export async function compactLog(
  log: SourceLog,
  signal: AbortSignal,
  options?: CompactOptions,
): Promise<CompactionReport> {
  if (log.compact !== undefined) return await log.compact(signal, options)
  throw new TailraceError('COMPACT_UNSUPPORTED', 'stop', 'A log of this type is not compacted.', {
    hint: '`log.type: embedded` is.',
  })
}
