import { type FileHandle, mkdir, open, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { type ExactJson, parseExact } from '../../runtime/record/text.ts'
import { MARKER_START } from './lines.ts'
import type { FilePart } from './table-folder.ts'

/**
 * Current rows from the lines of a table: the last line of a key wins, an incomplete one lays its columns over the
 * row before it. Memory holds a part of the keys at a time: larger tables are first dealt out by key into files.
 */

const PART_BYTES = 32 * 1024 * 1024
const MOST_PARTS = 256
const READ_BYTES = 1024 * 1024
const FLUSH_BYTES = 64 * 1024

export interface StateRow {
  /** JSON text of the key's array and of the row's object. */
  readonly key: string
  readonly value: string
  readonly complete: boolean
  readonly deleted: boolean
}

const VALUE = ',"value":'
const INCOMPLETE = ',"complete":false'
const DELETED = ',"deleted":true'

export function rowLine({ key, value, complete, deleted }: StateRow): string {
  return `{"key":${key}${VALUE}${value}${complete ? '' : INCOMPLETE}${deleted ? DELETED : ''}}\n`
}

/** Lays one line over what is known so far. */
export function foldLine(rows: Map<string, StateRow>, line: string): void {
  const key = lineKey(line)
  let rest = line.slice('{"key":'.length + key.length, -1)
  const deleted = rest.endsWith(DELETED)
  if (deleted) rest = rest.slice(0, -DELETED.length)
  const complete = !rest.endsWith(INCOMPLETE)
  if (!complete) rest = rest.slice(0, -INCOMPLETE.length)
  const former = rows.get(key)
  const value = rest.slice(VALUE.length)
  if (rest === '') {
    if (former !== undefined) rows.set(key, { ...former, deleted: true })
  } else if (value === 'null') rows.delete(key)
  else if (complete || former === undefined) rows.set(key, { key, value, complete, deleted })
  else rows.set(key, { key, value: laidOver(former.value, value), complete: former.complete, deleted })
}

function laidOver(former: string, newer: string): string {
  const columns = new Map(Object.entries(parseExact(former) as { [name: string]: ExactJson }))
  for (const [name, value] of Object.entries(parseExact(newer) as { [name: string]: ExactJson }))
    columns.set(name, value)
  return JSON.stringify(Object.fromEntries(columns))
}

/** The JSON text of a line's key: an array, at most with arrays in it. */
export function lineKey(line: string): string {
  const start = '{"key":'.length
  let depth = 0
  for (let i = start; i < line.length; i++) {
    const character = line.charCodeAt(i)
    if (character === 0x5b) depth++
    else if (character === 0x5d && --depth === 0) return line.slice(start, i + 1)
    else if (character === 0x22) i = stringEnd(line, i)
  }
  return line.slice(start)
}

function stringEnd(line: string, start: number): number {
  for (let i = start + 1; i < line.length; i++) {
    const character = line.charCodeAt(i)
    if (character === 0x5c) i++
    else if (character === 0x22) return i
  }
  return line.length
}

/** Lines of a file without markers, in pieces. */
export async function* readLines(part: FilePart, signal: AbortSignal): AsyncGenerator<string[]> {
  const file = part.handle ?? (await open(part.path, 'r'))
  try {
    let rest: Buffer = Buffer.alloc(0)
    for (let at = 0; at < part.size; ) {
      signal.throwIfAborted()
      const chunk = Buffer.allocUnsafe(rest.length + Math.min(Math.max(READ_BYTES, rest.length), part.size - at))
      rest.copy(chunk)
      const { bytesRead } = await file.read(chunk, rest.length, chunk.length - rest.length, at)
      if (bytesRead === 0) throw new Error(`${part.path} became shorter while it was read`)
      at += bytesRead
      const known = chunk.subarray(0, rest.length + bytesRead)
      const end = known.lastIndexOf(0x0a) + 1
      yield linesOf(known.subarray(0, end))
      rest = known.subarray(end)
    }
  } finally {
    if (part.handle === undefined) await file.close()
  }
}

function linesOf(bytes: Buffer): string[] {
  const lines: string[] = []
  for (let at = 0; at < bytes.length; ) {
    const end = bytes.indexOf(0x0a, at)
    const line = bytes.toString('utf8', at, end)
    if (!line.startsWith(MARKER_START)) lines.push(line)
    at = end + 1
  }
  return lines
}

export async function foldFiles(
  files: readonly FilePart[],
  signal: AbortSignal,
  wanted?: ReadonlySet<string>,
): Promise<Map<string, StateRow>> {
  const rows = new Map<string, StateRow>()
  for (const file of files)
    for await (const lines of readLines(file, signal))
      for (const line of lines) if (wanted === undefined || wanted.has(lineKey(line))) foldLine(rows, line)
  return rows
}

/** Files that together hold the same lines, each with all lines of its keys and small enough to be folded. */
export class KeyParts implements AsyncDisposable {
  readonly files: readonly (readonly FilePart[])[]
  readonly #scratch: string | undefined

  private constructor(files: readonly (readonly FilePart[])[], scratch: string | undefined) {
    this.files = files
    this.#scratch = scratch
  }

  /** `scratch`: a folder to make and to remove again. `partBytes`: what memory may hold at a time. */
  static async of(
    files: readonly FilePart[],
    scratch: string,
    signal: AbortSignal,
    partBytes = PART_BYTES,
  ): Promise<KeyParts> {
    const bytes = files.reduce((sum, file) => sum + file.size, 0)
    const count = Math.min(MOST_PARTS, Math.ceil(bytes / partBytes))
    if (count <= 1) return new KeyParts([files], undefined)
    await mkdir(scratch, { recursive: true, mode: 0o700 })
    const parts: PartFile[] = []
    try {
      for (let i = 0; i < count; i++) parts.push(await PartFile.create(join(scratch, `${i}`)))
      for (const file of files)
        for await (const lines of readLines(file, signal))
          for (const line of lines) {
            const part = parts[textHash(lineKey(line)) % count]!
            if (part.add(line)) await part.flush()
          }
      for (const part of parts) await part.flush()
    } catch (error) {
      await rm(scratch, { recursive: true, force: true })
      throw error
    } finally {
      for (const part of parts) await part.close()
    }
    return new KeyParts(
      parts.map(part => [{ path: part.path, size: part.size }]),
      scratch,
    )
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#scratch !== undefined) await rm(this.#scratch, { recursive: true, force: true })
  }
}

class PartFile {
  readonly path: string
  readonly #handle: FileHandle
  #lines: string[] = []
  #waiting = 0
  size = 0

  private constructor(path: string, handle: FileHandle) {
    this.path = path
    this.#handle = handle
  }

  static async create(path: string): Promise<PartFile> {
    return new PartFile(path, await open(path, 'w', 0o600))
  }

  /** True when it is time to flush. */
  add(line: string): boolean {
    this.#lines.push(line)
    this.#waiting += line.length
    return this.#waiting >= FLUSH_BYTES
  }

  async flush(): Promise<void> {
    if (this.#lines.length === 0) return
    const bytes = Buffer.from(`${this.#lines.join('\n')}\n`)
    this.#lines = []
    this.#waiting = 0
    await this.#handle.appendFile(bytes)
    this.size += bytes.length
  }

  close(): Promise<void> {
    return this.#handle.close()
  }
}

function textHash(text: string): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  return hash >>> 0
}
