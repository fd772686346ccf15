/**
 * Loaded into the pipeline's process before everything else (`node --import`): keeps, in a file outside the process, how
 * far each segment of the log is written and how far it is synced. So both are known exactly after a SIGKILL, and what
 * a power cut would have taken can be cut off.
 */
import { openSync, writeSync } from 'node:fs'
import promises, { type FileHandle, open } from 'node:fs/promises'
import { syncBuiltinESMExports } from 'node:module'
import { basename, join } from 'node:path'
import { isSegment, MARK_BYTES } from './probe-marks.ts'

const folder = process.env.TAILRACE_PROBE!

interface Segment {
  readonly mark: number
  written: number
  synced: number
}

const segments = new WeakMap<FileHandle, Segment>()
const realOpen = open

promises.open = async (path, ...rest) => {
  const handle = await realOpen(path, ...rest)
  const name = basename(String(path))
  if (isSegment(name) && rest[0] !== 'r') await watch(handle, name)
  return handle
}
syncBuiltinESMExports()

/** What the file holds when it is opened for writing was synced before, or is synced by its recovery. */
async function watch(handle: FileHandle, name: string): Promise<void> {
  const { size } = await handle.stat()
  const segment: Segment = { mark: openSync(join(folder, name), 'w'), written: size, synced: size }
  segments.set(handle, segment)
  keep(segment)
}

function keep({ mark, written, synced }: Segment): void {
  const bytes = Buffer.alloc(MARK_BYTES)
  bytes.writeBigUInt64LE(BigInt(written), 0)
  bytes.writeBigUInt64LE(BigInt(synced), 8)
  writeSync(mark, bytes, 0, MARK_BYTES, 0)
}

const sample = await realOpen(process.execPath, 'r')
const prototype = Object.getPrototypeOf(sample) as FileHandle
await sample.close()
const { writev, datasync, truncate } = prototype

prototype.writev = async function (this: FileHandle, buffers: readonly NodeJS.ArrayBufferView[], position?: number) {
  const segment = segments.get(this)
  const result = await writev.call(this, buffers, position)
  if (segment !== undefined) {
    segment.written = Math.max(segment.written, (position ?? 0) + result.bytesWritten)
    keep(segment)
  }
  return result as never
}

prototype.datasync = async function (this: FileHandle) {
  const segment = segments.get(this)
  const written = segment?.written ?? 0
  await datasync.call(this)
  if (segment !== undefined) {
    segment.synced = written
    keep(segment)
  }
}

prototype.truncate = async function (this: FileHandle, length?: number) {
  await truncate.call(this, length)
  const segment = segments.get(this)
  if (segment === undefined) return
  segment.written = Math.min(segment.written, length ?? 0)
  segment.synced = Math.min(segment.synced, segment.written)
  keep(segment)
}
