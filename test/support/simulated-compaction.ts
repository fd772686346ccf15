import type { SourceLog } from '../../runtime/contract.ts'
import type { LiveIndex, Retention } from '../../runtime/log/embedded/compaction/compactor.ts'
import { LiveOffsets } from '../../runtime/log/embedded/compaction/live-offsets.ts'
import { type RewriteJob, rewrite } from '../../runtime/log/embedded/compaction/rewrite.ts'
import { type EraseJob, erase } from '../../runtime/log/embedded/forget/erase.ts'
import type { RowIndex } from '../../runtime/log/embedded/forget/forget.ts'
import type { NewestChange } from '../../runtime/log/embedded/forget/forgotten-rows.ts'
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

/** A log that compacts, and forgets rows, on a simulated disk. */
export function openCompacting(
  fs: SimulatedFs,
  random: Random,
  retention: Partial<Retention> = {},
): Promise<SourceLog> {
  const limits = { segmentBytes: 900, maxBytes: 2 ** 40, checkpointBytes: random.between(500, 5000), ringBytes: 500 }
  let log: SourceLog | undefined
  const index: LiveIndex & RowIndex = {
    live: (from, to) => liveness(log!, from, to),
    compacted: async () => {},
    clean: async () => {},
    newest: rows => newestOf(log!, rows),
    forget: async () => {},
  }
  const compaction = () => ({
    index,
    retention: { ...RETENTION, ...retention },
    rewriter: (job: RewriteJob) => rewrite(fs, job, async () => {}),
    eraser: (job: EraseJob) => erase(fs, job, async () => {}),
  })
  return openLog(fs, FOLDER, limits, silent, undefined, { compaction }).then(opened => {
    log = opened
    return opened
  })
}

/** Offset of the newest change of each key, and of the last truncate: as an index would know it, from all that the log holds. */
async function standing(log: SourceLog): Promise<{ readonly newest: Map<string, LoggedRow>; readonly floor: number }> {
  const newest = new Map<string, LoggedRow>()
  let floor = 0
  const end = log.end()
  if (end === undefined) return { newest, floor }
  for await (const batch of log.read('start', () => true, never)) {
    for (const { kind, key, version } of batch) {
      const offset = Number(version)
      if (kind === 't') floor = offset
      else if (kind !== 's') newest.set(Buffer.from(key).toString('hex'), { offset, isDelete: kind === 'd' })
    }
    if (batch.cursor === end) break
  }
  return { newest, floor }
}

interface LoggedRow {
  readonly offset: number
  readonly isDelete: boolean
}

async function liveness(log: SourceLog, from: number, to: number): Promise<Awaited<ReturnType<LiveIndex['live']>>> {
  const { newest, floor } = await standing(log)
  const offsets = new LiveOffsets(from, to)
  for (const { offset } of newest.values()) offsets.add(offset)
  return { offsets, lives: [{ table: ITEMS.name, incarnation: ITEMS.incarnation, isNewest: true, floor }] }
}

async function newestOf(log: SourceLog, rows: EraseJob['rows']): Promise<NewestChange[]> {
  const { newest, floor } = await standing(log)
  return rows.map(({ key }) => {
    const { offset, isDelete } = newest.get(Buffer.from(key).toString('hex')) ?? { offset: 0, isDelete: true }
    return { offset, isLive: !isDelete && offset >= floor }
  })
}
