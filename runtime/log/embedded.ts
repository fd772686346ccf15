import { z } from 'zod'
import { defineLog } from '../plugin.ts'
import { durationOption, sizeOption } from '../quantity.ts'
import type { Retention } from './embedded/compaction/compactor.ts'
import { eraseInThread, rewriteInThread } from './embedded/compaction/in-thread.ts'
import { unusable } from './embedded/failures.ts'
import { realFs } from './embedded/fs.ts'
import { inspectLog } from './embedded/inspect.ts'
import { KeyIndex } from './embedded/key-index/key-index.ts'
import { liveIndex } from './embedded/key-index/live-index.ts'
import { acquireLock, refuseNetworkFileSystem } from './embedded/lock.ts'
import { openLog } from './embedded/open.ts'

const RING_BYTES = 16 * 1024 * 1024
const CHECKPOINT_BYTES = 64 * 1024 * 1024
const COMPACTION_MS = 60_000

const config = z.strictObject({
  /** Each source's log stands in a folder of its own below it. */
  path: z.string(),
  /** At this size of one source's log the source waits; nothing is dropped. Default: none. */
  maxBytes: sizeOption().optional(),
  segmentBytes: sizeOption().prefault('256MB'),
  keepHistory: durationOption().prefault('7d'),
  deleteRetention: durationOption().prefault('7d'),
  deleteRetentionMax: durationOption().prefault('30d'),
  /** Append-only tables: how long their rows are kept. Default: for ever. */
  retention: durationOption().optional(),
})

/** The change log in segment files on a local disk, one per source. */
export default defineLog<z.infer<typeof config>>({
  type: 'embedded',
  config,
  async open(options, { folder, logger }) {
    const { segmentBytes, maxBytes = Number.POSITIVE_INFINITY } = options
    await makeFolder(folder)
    refuseNetworkFileSystem(folder, (await realFs.space(folder)).type)
    const resources = new AsyncDisposableStack()
    resources.adopt(acquireLock(folder), lock => lock.release())
    const limits = { segmentBytes, maxBytes, ringBytes: RING_BYTES, checkpointBytes: CHECKPOINT_BYTES }
    const retention: Retention = {
      keepHistoryMs: options.keepHistory,
      deleteRetentionMs: options.deleteRetention,
      deleteRetentionMaxMs: options.deleteRetentionMax,
      retentionMs: options.retention,
    }
    return openLog(realFs, folder, limits, logger, resources, {
      openIndex: KeyIndex.open,
      compactionMs: COMPACTION_MS,
      compaction: index => ({
        index: liveIndex(index!),
        rewriter: rewriteInThread,
        eraser: eraseInThread,
        retention,
      }),
    })
  },
  inspect: (_, { folder, logger }) => inspectLog(realFs, folder, logger),
})

async function makeFolder(folder: string): Promise<void> {
  try {
    await realFs.makeFolder(folder)
  } catch (cause) {
    throw unusable(folder, cause)
  }
}
