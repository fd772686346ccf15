import { type FileHandle, mkdir, open, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { type ExactJson, parseExact } from '../../runtime/record/text.ts'
import { type Line, type LongLine, type Range, rangeText, readLines, readRange } from './line-reader.ts'
import type { FilePart } from './table-folder.ts'

/**
 * Current rows from the lines of a table: the last line of a key wins, an incomplete one lays its columns over the
 * row before it. Memory holds a part of the keys at a time: larger tables are first dealt out by key into files. Of long
 * lines it holds no more than where they stand.
 */

const PART_BYTES = 32 * 1024 * 1024
const MOST_PARTS = 256
const FLUSH_BYTES = 64 * 1024

export interface StateRow {
  /** JSON text of the key's array and of the row's object, which may be left in its file. */
  readonly key: string
  readonly value: string | Range
  readonly complete: boolean
  readonly deleted: boolean
}

const KEY = '{"key":'
const VALUE = ',"value":'
const INCOMPLETE = ',"complete":false'
const DELETED = ',"deleted":true'

/** What stands before and behind the row's value in its line. */
export function rowEnds({ key, complete, deleted }: Omit<StateRow, 'value'>): [before: string, behind: string] {
  return [`${KEY}${key}${VALUE}`, `${complete ? '' : INCOMPLETE}${deleted ? DELETED : ''}}\n`]
}

/** What a line says: of a row, that it is gone (`value` is null), or that it is deleted and stays as it was (undefined). */
type Said = Omit<StateRow, 'value'> & { readonly value: string | Range | null | undefined }

/** Lays one line over what is known so far. A promise where a row has to be read for that. */
export function foldLine(rows: Map<string, StateRow>, line: Line): Promise<void> | undefined {
  const said = typeof line === 'string' ? saidIn(line) : saidInLong(line)
  const { key, value, complete } = said
  const former = rows.get(key)
  if (value === undefined) {
    if (former !== undefined) rows.set(key, { ...former, deleted: true })
  } else if (value === null) rows.delete(key)
  else if (complete || former === undefined) rows.set(key, { ...said, value })
  else if (typeof value === 'string' && typeof former.value === 'string')
    rows.set(key, { ...said, value: laidOver(former.value, value), complete: former.complete })
  else return layLong(rows, former, { ...said, value })
  return undefined
}

async function layLong(rows: Map<string, StateRow>, former: StateRow, newer: StateRow): Promise<void> {
  const value = laidOver(await valueText(former), await valueText(newer))
  rows.set(newer.key, { ...newer, value, complete: former.complete })
}

export async function valueText({ value }: StateRow): Promise<string> {
  return typeof value === 'string' ? value : await rangeText(value)
}

function saidIn(line: string): Said {
  const key = lineKey(line)
  const from = KEY.length + key.length
  const { complete, deleted, length } = behindValue(line)
  const rest = line.slice(from, line.length - length)
  if (rest === '') return { key, value: undefined, complete, deleted }
  const value = rest.slice(VALUE.length)
  return { key, value: value === 'null' ? null : value, complete, deleted }
}

function saidInLong(line: LongLine): Said {
  const key = lineKey(line)
  const from = KEY.length + Buffer.byteLength(key) + VALUE.length
  const { complete, deleted, length } = behindValue(line.tail)
  const value = { part: line.part, at: line.at + from, length: line.length - from - length }
  return { key, value, complete, deleted }
}

/** What stands behind the value, and its length. */
function behindValue(line: string): { complete: boolean; deleted: boolean; length: number } {
  const isDeleted = line.endsWith(`${DELETED}}`)
  let length = isDeleted ? DELETED.length + 1 : 1
  const complete = !line.endsWith(INCOMPLETE, line.length - length)
  if (!complete) length += INCOMPLETE.length
  return { complete, deleted: isDeleted, length }
}

function laidOver(former: string, newer: string): string {
  const columns = new Map(Object.entries(parseExact(former) as { [name: string]: ExactJson }))
  for (const [name, value] of Object.entries(parseExact(newer) as { [name: string]: ExactJson }))
    columns.set(name, value)
  return JSON.stringify(Object.fromEntries(columns))
}

/** The JSON text of a line's key: an array, at most with arrays in it. */
export function lineKey(whole: Line): string {
  const line = typeof whole === 'string' ? whole : whole.head
  const start = KEY.length
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

export async function foldFiles(
  files: readonly FilePart[],
  signal: AbortSignal,
  wanted?: ReadonlySet<string>,
): Promise<Map<string, StateRow>> {
  const rows = new Map<string, StateRow>()
  for (const file of files)
    for await (const lines of readLines(file, signal))
      for (const line of lines)
        if (wanted === undefined || wanted.has(lineKey(line))) {
          const reading = foldLine(rows, line)
          if (reading !== undefined) await reading
        }
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
            if (typeof line !== 'string') await part.copy(line)
            else if (part.add(line)) await part.flush()
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

  async copy(line: LongLine): Promise<void> {
    await this.flush()
    for await (const piece of readRange(line)) await this.#handle.appendFile(piece)
    await this.#handle.appendFile('\n')
    this.size += line.length + 1
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
