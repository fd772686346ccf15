import type { SourceLog } from '../../runtime/contract.ts'
import type { LiveIndex, Retention } from '../../runtime/log/embedded/compaction/compactor.ts'
import { LiveOffsets } from '../../runtime/log/embedded/compaction/live-offsets.ts'
import { rewrite } from '../../runtime/log/embedded/compaction/rewrite.ts'
import { openLog } from '../../runtime/log/embedded/open.ts'
import type { Random } from '../crash/random.ts'
import { ITEMS } from './indexed-log.ts'
import { FOLDER, never, silent } from './log-life.ts'
import type { SimulatedFs } from './simulated-fs.ts'

const RETENTION: Retention = {
  keepHistoryMs: -1000,
  deleteRetentionMs: -1000,
  deleteRetentionMaxMs: 2 ** 40,
  retentionMs: undefined,
}

/** A log that compacts, on a simulated disk. */
export function openCompacting(fs: SimulatedFs, random: Random): Promise<SourceLog> {
  const limits = { segmentBytes: 900, maxBytes: 2 ** 40, checkpointBytes: random.between(500, 5000), ringBytes: 500 }
  let log: SourceLog | undefined
  const index: LiveIndex = {
    live: (from, to) => liveness(log!, from, to),
    compacted: async () => {},
    clean: async () => {},
  }
  const compaction = () => ({
    index,
    retention: RETENTION,
    rewriter: (job: Parameters<typeof rewrite>[1]) => rewrite(fs, job, async () => {}),
  })
  return openLog(fs, FOLDER, limits, silent, undefined, { compaction }).then(opened => {
    log = opened
    return opened
  })
}

/** As an index would tell it, from all that the log holds. */
async function liveness(log: SourceLog, from: number, to: number): Promise<Awaited<ReturnType<LiveIndex['live']>>> {
  const newest = new Map<string, number>()
  let floor = 0
  const end = log.end()
  for await (const batch of log.read('start', () => true, never)) {
    for (const change of batch) {
      const offset = Number(change.version)
      if (change.kind === 't') {
        floor = offset
        newest.clear()
      } else if (change.kind !== 's') newest.set(Buffer.from(change.key).toString('hex'), offset)
    }
    if (batch.cursor === end) break
  }
  const offsets = new LiveOffsets(from, to)
  for (const offset of newest.values()) offsets.add(offset)
  return { offsets, lives: [{ table: ITEMS.name, incarnation: ITEMS.incarnation, isNewest: true, floor }] }
}
