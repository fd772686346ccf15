import { join } from 'node:path'
import type { Logger } from 'pino'
import type { SourceLog } from '../../contract.ts'
import { Appender, type AppendLimits, type LogPlace } from './appender.ts'
import { readCheckpoint } from './checkpoint.ts'
import { Cursors } from './cursors.ts'
import { cutTail, settle } from './cut.ts'
import { damaged } from './failures.ts'
import type { Fs } from './fs.ts'
import { Head } from './head.ts'
import type { KeyIndex } from './key-index/key-index.ts'
import { EmbeddedLog } from './log.ts'
import { MANIFEST, type Manifest, newManifest, readManifest, withSession, writeManifest } from './manifest.ts'
import { MarkFile, readMark } from './mark.ts'
import { Readers } from './readers.ts'
import { recoverHead } from './recovery.ts'
import { segmentFirst } from './segment.ts'

/**
 * Opens the log in a folder that exists and is locked by the caller: reads what is there, cuts a torn unit, begins a
 * session. On return all that a reader can see is durable. `resources` is disposed with the log. Without `openIndex` the
 * log has no look-up by key.
 */
export async function openLog(
  fs: Fs,
  folder: string,
  limits: AppendLimits,
  logger: Logger,
  resources = new AsyncDisposableStack(),
  openIndex?: typeof KeyIndex.open,
): Promise<SourceLog> {
  await using opened = resources
  const manifest = await manifestOf(fs, folder)
  const place: LogPlace = { fs, folder, logId: manifest.logId, logger }
  const cursors = new Cursors(manifest.logId, manifest.sessions)
  const head = new Head(cursors, limits.ringBytes)
  const unscanned = await recover(place, manifest, head)
  const current = withSession(manifest, head.end)
  await writeManifest(fs, folder, current)
  cursors.sessions = current.sessions
  const mark = opened.use(
    await MarkFile.open(fs, folder, err => logger.warn({ err }, 'readers in other processes do not see the newest')),
  )
  const session = current.sessions.at(-1)!.id
  if (head.place !== undefined) mark.publish({ ...head.place, logId: manifest.logId, session, end: head.end })
  const readers = await Readers.open(fs, folder)
  const appender = new Appender(place, session, head, mark, limits, unscanned)
  const { first, logId } = manifest
  const index = await openIndex?.({ folder, logId, first, head, logger })
  if (index !== undefined) opened.use(index)
  return new EmbeddedLog(place, head, readers, appender, opened.move(), index)
}

/** Brings the head to the last whole unit and the files with it. Answers the bytes that had to be scanned. */
async function recover(place: LogPlace, manifest: Manifest, head: Head): Promise<number> {
  const { fs, folder, logId, logger } = place
  const checkpoint = await readCheckpoint(fs, folder, logId)
  const mark = await readMark(fs, folder, logId)
  await recoverHead(place, manifest, head, checkpoint, mark)
  await cutTail(fs, folder, head)
  const known = Math.max(mark?.end ?? 0, checkpoint?.end ?? 0)
  if (known < head.end) await settle(fs, folder, head, known === mark?.end ? mark : checkpoint?.place)
  const before = checkpoint?.segments.reduce((sum, { bytes }) => sum + bytes, 0) ?? 0
  logger.debug({ folder, end: head.end, scanned: head.bytes - before }, 'log opened')
  return head.bytes - before
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
