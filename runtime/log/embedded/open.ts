import { join } from 'node:path'
import type { Logger } from 'pino'
import type { SourceLog } from '../../contract.ts'
import type { AppendLimits } from './append-limits.ts'
import { Appender } from './appender.ts'
import { type Base, baseName, restoreHead } from './compaction/base.ts'
import { Compactor, type CompactorParts } from './compaction/compactor.ts'
import { InPlace } from './compaction/in-place.ts'
import { removeLeftovers } from './compaction/leftovers.ts'
import { Cursors } from './cursors.ts'
import { cutTail, settle } from './cut.ts'
import { damaged } from './failures.ts'
import type { Fs } from './fs.ts'
import { Head } from './head.ts'
import type { KeyIndex } from './key-index/key-index.ts'
import { EmbeddedLog } from './log.ts'
import type { LogPlace } from './log-place.ts'
import { MANIFEST, type Manifest, newManifest, readManifest, withSession, writeManifest } from './manifest.ts'
import { MarkFile, readMark } from './mark.ts'
import { Readers, type ReadersLog } from './readers.ts'
import { recoverHead } from './recovery.ts'
import { horizonSince, removalNumber } from './removals.ts'
import { segmentFirst } from './segment.ts'
import { beginSegment } from './segment-writer.ts'

/** What a log can do beyond keeping what is appended. */
export interface LogParts {
  /** Look-up by key. */
  readonly openIndex?: typeof KeyIndex.open
  /** Needs to be told what is needed: by the index, where there is one. */
  readonly compaction?: (
    index: KeyIndex | undefined,
  ) => Pick<CompactorParts, 'index' | 'rewriter' | 'eraser' | 'retention'>
  /** How often it looks whether compaction is due; default: it is only done when asked for. */
  readonly compactionMs?: number
}

/**
 * Opens the log in a folder that exists and is locked by the caller: reads what is there, cuts a torn unit, begins a
 * session. On return all that a reader can see is durable. `resources` is disposed with the log. Without an index the log
 * has no look-up by key, and is not compacted.
 */
export async function openLog(
  fs: Fs,
  folder: string,
  limits: AppendLimits,
  logger: Logger,
  resources = new AsyncDisposableStack(),
  parts: LogParts = {},
): Promise<SourceLog> {
  await using opened = resources
  const manifest = await manifestOf(fs, folder)
  const place: LogPlace = { fs, folder, logId: manifest.logId, logger }
  const cursors = new Cursors(manifest.logId, manifest.sessions)
  const head = new Head(cursors, limits.ringBytes)
  const { unscanned, base } = await recover(place, manifest, head)
  const current = withSession(manifest, head.end)
  await writeManifest(fs, folder, current)
  cursors.sessions = current.sessions
  const mark = opened.use(
    await MarkFile.open(fs, folder, err => logger.warn({ err }, 'readers in other processes do not see the newest')),
  )
  const session = current.sessions.at(-1)!.id
  if (head.place === undefined && head.end > 0) await (await beginSegment(place, head)).close()
  if (head.place !== undefined) mark.publish({ ...head.place, logId: manifest.logId, session, end: head.end })
  const readers = await Readers.open(fs, folder, readersLog(head))
  const appender = new Appender(place, session, head, mark, limits, unscanned)
  const badBecause = current.isForgetting === true ? 'rows were being forgotten when the process ended' : undefined
  const index = await parts.openIndex?.({ folder, logId: manifest.logId, head, logger, badBecause })
  if (index !== undefined) opened.use(index)
  const { segmentBytes } = limits
  const compaction = parts.compaction?.(index)
  if (compaction === undefined) return new EmbeddedLog(place, head, readers, appender, opened.move(), index)
  const inPlace = new InPlace(place, head, compaction.index, current, base)
  if (badBecause !== undefined) await inPlace.store({ isForgetting: false })
  const compactor = new Compactor({ place, head, appender, readers, segmentBytes, ...compaction }, inPlace)
  opened.use(compactor)
  if (parts.compactionMs !== undefined) compactor.watch(parts.compactionMs)
  return new EmbeddedLog(place, head, readers, appender, opened.move(), index, compactor)
}

/** Brings the head to the last whole unit and the files with it. `unscanned`: bytes that had to be scanned for it. */
async function recover(
  place: LogPlace,
  manifest: Manifest,
  head: Head,
): Promise<{ readonly unscanned: number; readonly base: Base | undefined }> {
  const { fs, folder, logId, logger } = place
  const restored = await restoreHead(fs, folder, manifest, head)
  if (restored === 'missing') throw damaged(join(folder, baseName(manifest.compaction!)), 0, 'the file is missing')
  const { from: checkpoint, base } = restored
  const mark = await readMark(fs, folder, logId)
  await recoverHead(place, manifest, head, checkpoint, mark)
  await removeLeftovers(fs, folder, manifest, head.segments)
  await cutTail(fs, folder, head)
  const known = Math.max(mark?.end ?? 0, checkpoint?.end ?? 0)
  if (known < head.end) await settle(fs, folder, head, known === mark?.end ? mark : checkpoint?.place)
  const before = checkpoint?.segments.reduce((sum, { bytes }) => sum + bytes, 0) ?? 0
  const unscanned = head.bytes - before
  logger.debug({ folder, end: head.end, scanned: unscanned }, 'log opened')
  return { unscanned, base }
}

function readersLog(head: Head): ReadersLog {
  return {
    isAtLeast: (cursor, other) => ['after', 'equal'].includes(head.cursors.compare(cursor, other, head.end)),
    isAboveHorizon: cursor =>
      (head.cursors.parse(cursor, head.end) ?? 0) >= horizonSince(head.removals, head.cursors.begunAt(cursor)),
    removal: () => removalNumber(head.removals),
    begunAt: cursor => head.cursors.begunAt(cursor),
  }
}

async function manifestOf(fs: Fs, folder: string): Promise<Manifest> {
  const found = await readManifest(fs, folder)
  if (found !== undefined) return found
  const orphan = (await fs.list(folder)).find(name => segmentFirst(name) !== undefined)
  if (orphan !== undefined) throw damaged(join(folder, MANIFEST), 0, `it is missing beside ${orphan}`)
  const fresh = newManifest()
  await writeManifest(fs, folder, fresh)
  return fresh
}
