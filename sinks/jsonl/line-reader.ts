import { type FileHandle, open } from 'node:fs/promises'
import { MARKER_START } from './lines.ts'
import type { FilePart } from './table-folder.ts'

/** Bytes of a file. */
export interface Range {
  readonly part: FilePart
  readonly at: number
  readonly length: number
}

/** A line that is not held in memory: where it stands, how it begins (with its key) and how it ends. */
export interface LongLine extends Range {
  readonly head: string
  readonly tail: string
}

export type Line = string | LongLine

const READ_BYTES = 1024 * 1024
const LONG_BYTES = 1024 * 1024
/** More than what may stand behind a row. */
const TAIL_BYTES = 64
const NOTHING = Buffer.alloc(0)

/** Lines of a file without markers and line breaks, in groups. Memory holds two reads, whatever a line takes. */
export async function* readLines(part: FilePart, signal: AbortSignal): AsyncGenerator<Line[]> {
  for await (const lines of readAllLines(part, signal))
    yield lines.filter(line => typeof line !== 'string' || !line.startsWith(MARKER_START))
}

/** The same with markers. */
export async function* readAllLines(part: FilePart, signal: AbortSignal): AsyncGenerator<Line[]> {
  const file = part.handle ?? (await open(part.path, 'r'))
  try {
    let rest = NOTHING
    let long: Unfinished | undefined
    for (let at = 0; at < part.size; ) {
      signal.throwIfAborted()
      const chunk = Buffer.allocUnsafe(rest.length + Math.min(READ_BYTES, part.size - at))
      rest.copy(chunk)
      const bytesRead = await readSome(file, part, chunk, rest.length, at)
      at += bytesRead
      let known = chunk.subarray(0, rest.length + bytesRead)
      rest = NOTHING
      const lines: Line[] = []
      if (long !== undefined) {
        const end = known.indexOf(0x0a)
        long.add(end === -1 ? known : known.subarray(0, end))
        if (end === -1) continue
        lines.push(long.line())
        long = undefined
        known = known.subarray(end + 1)
      }
      const end = known.lastIndexOf(0x0a) + 1
      addLines(lines, known.subarray(0, end))
      yield lines
      rest = known.subarray(end)
      if (rest.length < LONG_BYTES) continue
      long = new Unfinished(part, at - rest.length, rest)
      rest = NOTHING
    }
  } finally {
    if (part.handle === undefined) await file.close()
  }
}

/** A long line whose end has not come yet. */
class Unfinished {
  readonly #part: FilePart
  readonly #at: number
  readonly #head: string
  #tail: Buffer
  #length: number

  constructor(part: FilePart, at: number, first: Buffer) {
    this.#part = part
    this.#at = at
    this.#head = first.toString('utf8')
    this.#tail = Buffer.from(first.subarray(-TAIL_BYTES))
    this.#length = first.length
  }

  add(bytes: Buffer): void {
    this.#tail = Buffer.concat([this.#tail, bytes.subarray(-TAIL_BYTES)]).subarray(-TAIL_BYTES)
    this.#length += bytes.length
  }

  line(): LongLine {
    const tail = this.#tail.toString('utf8')
    return { part: this.#part, at: this.#at, length: this.#length, head: this.#head, tail }
  }
}

function addLines(lines: Line[], bytes: Buffer): void {
  for (let at = 0; at < bytes.length; ) {
    const end = bytes.indexOf(0x0a, at)
    lines.push(bytes.toString('utf8', at, end))
    at = end + 1
  }
}

/** In pieces, each in memory of its own. */
export async function* readRange({ part, at, length }: Range): AsyncGenerator<Buffer> {
  const file = part.handle ?? (await open(part.path, 'r'))
  try {
    for (let done = 0; done < length; ) {
      const piece = Buffer.allocUnsafe(Math.min(READ_BYTES, length - done))
      const bytesRead = await readSome(file, part, piece, 0, at + done)
      done += bytesRead
      yield piece.subarray(0, bytesRead)
    }
  } finally {
    if (part.handle === undefined) await file.close()
  }
}

export async function rangeText(range: Range): Promise<string> {
  const bytes = Buffer.allocUnsafe(range.length)
  let at = 0
  for await (const piece of readRange(range)) at += piece.copy(bytes, at)
  return bytes.toString('utf8')
}

async function readSome(file: FileHandle, part: FilePart, into: Buffer, from: number, at: number): Promise<number> {
  const { bytesRead } = await file.read(into, from, into.length - from, at)
  if (bytesRead === 0) throw new Error(`${part.path} became shorter while it was read`)
  return bytesRead
}
