import { closeSync, fstatSync, openSync, readdirSync, readFileSync, readSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { Cursor } from '../../runtime/contract.ts'
import { errorCode } from '../../runtime/errors.ts'
import type { SampledRow, SinkReader } from './sink-reader.ts'
import { keyNumber, type TableName } from './tables.ts'

const MARKER = '{"batch":'
const VALUE = ',"value":'
const READ_BYTES = 8 * 1024 * 1024

/** Lines of one table that count: those in front of the marker of a committed batch. */
class TableLines {
  readonly #folder: string
  /** Per file, in order, how far it is read. */
  #read = new Map<string, number>()

  constructor(folder: string) {
    this.#folder = folder
  }

  /** Hands over what was committed since the last call; `forget` first, where the files were replaced. */
  poll(committed: number, forget: () => void, line: (bytes: Buffer) => void): void {
    const files = this.#files()
    if (!this.#continues(files)) {
      this.#read = new Map()
      forget()
    }
    for (const file of files) {
      const path = join(this.#folder, file)
      this.#read.set(file, pollFile(path, this.#read.get(file) ?? 0, committed, line))
    }
  }

  #files(): string[] {
    try {
      return readdirSync(this.#folder)
        .filter(name => /^\d{8}\.jsonl$/.test(name))
        .sort()
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return []
      throw error
    }
  }

  #continues(files: readonly string[]): boolean {
    const known = [...this.#read]
    return known.every(([name, at], i) => files[i] === name && statSync(join(this.#folder, name)).size >= at)
  }
}

/** Answers the place behind the last marker that counts. */
function pollFile(path: string, from: number, committed: number, line: (bytes: Buffer) => void): number {
  const file = openSync(path, 'r')
  try {
    let accepted = from
    let rest: Buffer = Buffer.alloc(0)
    let waiting: Buffer[] = []
    for (let at = from; ; ) {
      const piece = Buffer.allocUnsafe(Math.min(READ_BYTES, Math.max(0, fstatSync(file).size - at)))
      const count = readSync(file, piece, 0, piece.length, at)
      if (count === 0) return accepted
      const bytes = rest.length === 0 ? piece.subarray(0, count) : Buffer.concat([rest, piece.subarray(0, count)])
      let start = 0
      for (let end = bytes.indexOf(10); end !== -1; end = bytes.indexOf(10, start)) {
        const text = bytes.subarray(start, end)
        start = end + 1
        if (text.toString('latin1', 0, MARKER.length) !== MARKER) {
          waiting.push(text)
          continue
        }
        if ((JSON.parse(text.toString()) as { batch: number }).batch > committed) return accepted
        for (const one of waiting) line(one)
        waiting = []
        accepted = at - rest.length + start
      }
      rest = bytes.subarray(start)
      at += count
    }
  } finally {
    closeSync(file)
  }
}

/** A `jsonl` sink of mode `state`, read as its format says: the last committed line of a key is the row. */
export class JsonlReader implements SinkReader {
  readonly name = 'files'
  readonly #path: string
  readonly #watched: number
  readonly #tables = new Map<TableName, { lines: TableLines; rows: Map<number, SampledRow> }>()

  /** Keys below `watched` are sampled. */
  constructor(path: string, watched: number) {
    this.#path = path
    this.#watched = watched
  }

  sample(table: TableName): Map<number, SampledRow | null> {
    const seen = new Map<number, SampledRow | null>()
    const state = this.#tables.get(table) ?? this.#open(table)
    const { rows } = state
    const forget = (): void => {
      for (const key of rows.keys()) seen.set(key, null)
      rows.clear()
    }
    state.lines.poll(committedBatch(this.#path), forget, line => {
      const key = keyOfLine(table, line)
      if (key >= this.#watched) return
      const { value } = JSON.parse(line.toString()) as { value: { ver: number; body: string } | null }
      if (value === null) rows.delete(key)
      else rows.set(key, { ver: value.ver, body: value.body })
      seen.set(key, rows.get(key) ?? null)
    })
    return seen
  }

  /** As the last sample found it. */
  row(table: TableName, key: number): SampledRow | undefined {
    return this.#tables.get(table)?.rows.get(key)
  }

  #open(table: TableName): { lines: TableLines; rows: Map<number, SampledRow> } {
    const state = { lines: new TableLines(join(this.#path, `public.${table}`)), rows: new Map<number, SampledRow>() }
    this.#tables.set(table, state)
    return state
  }

  close(): void {}
}

/** The current rows of a table, each as the JSON text of its value. */
export function jsonlRows(path: string, table: TableName): Map<number, string> {
  const rows = new Map<number, string>()
  new TableLines(join(path, `public.${table}`)).poll(
    committedBatch(path),
    () => {},
    line => {
      const text = line.toString()
      const value = text.slice(text.indexOf(VALUE) + VALUE.length, -1)
      if (value === 'null') rows.delete(keyOfLine(table, line))
      else rows.set(keyOfLine(table, line), value)
    },
  )
  return rows
}

/** The cursor that the sink stored last. */
export function sinkCursor(path: string): Cursor | undefined {
  return stored(path)?.cursor ?? undefined
}

function committedBatch(path: string): number {
  return stored(path)?.batch ?? -1
}

function stored(path: string): { readonly batch: number; readonly cursor: Cursor | null } | undefined {
  try {
    return JSON.parse(readFileSync(join(path, '_cursor-app.json'), 'utf8'))
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined
    throw error
  }
}

const NUMBER_KEY = /^\{"key":\[(\d+)\]/
const NUMBER_KEY_BYTES = 30

function keyOfLine(table: TableName, line: Buffer): number {
  // Of these there are a million, most of which nobody looks at.
  if (table === 'by_number')
    return keyNumber(table, [NUMBER_KEY.exec(line.toString('latin1', 0, NUMBER_KEY_BYTES))?.[1] ?? null])
  const { key } = JSON.parse(line.toString()) as { key: (string | number)[] }
  return keyNumber(table, key.map(String))
}
