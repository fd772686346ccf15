import type { ChangeView, Table } from '../../runtime/contract.ts'
import { giveBack } from '../../runtime/large-memory.ts'
import { jsonRoom } from '../../runtime/record/json.ts'
import { keyTexts } from '../../runtime/record/key.ts'
import { valueJson } from '../../runtime/record/value.ts'

/**
 * Lines of the files.
 *
 *   {"key":[1],"value":{...}}                     state: the row; "complete":false behind it: only these columns
 *   {"key":[1],"value":null}                      state: the row is gone
 *   {"key":[1],"deleted":true}                    state, onDelete mark: the row is as it was, and deleted
 *   {"cursor":...,"table":...,"key":{...},"value":{...}}   changes: one event (runtime/record/envelope.ts)
 *   {"batch":7,"log":...,"cursor":...}            the end of a batch, and of every file
 */

const FIRST_SIZE = 16 * 1024

/** A growing run of lines. */
export class Lines implements Disposable {
  #bytes: Buffer = Buffer.allocUnsafeSlow(FIRST_SIZE)
  #length = 0
  count = 0

  get bytes(): Buffer {
    return this.#bytes.subarray(0, this.#length)
  }

  get length(): number {
    return this.#length
  }

  text(text: string): void {
    this.#reserve(3 * text.length)
    this.#length += this.#bytes.write(text, this.#length)
  }

  raw(bytes: Uint8Array): void {
    this.#reserve(bytes.length)
    this.#bytes.set(bytes, this.#length)
    this.#length += bytes.length
  }

  row(view: ChangeView): void {
    for (;;) {
      const end = view.toJson(this.#bytes, this.#length)
      if (end !== -1) {
        this.#length = end
        return
      }
      this.#grow(Math.max(2 * this.#bytes.length, this.#length + jsonRoom(view)))
    }
  }

  end(text: string): void {
    this.text(text)
    this.count++
  }

  /** Everything is written: the lines are of no more use. */
  [Symbol.dispose](): void {
    giveBack(this.#bytes)
  }

  clear(): void {
    this.#length = 0
    this.count = 0
  }

  #reserve(size: number): void {
    if (this.#length + size > this.#bytes.length) this.#grow(Math.max(2 * this.#bytes.length, this.#length + size))
  }

  #grow(size: number): void {
    const grown = Buffer.allocUnsafeSlow(size)
    grown.set(this.#bytes.subarray(0, this.#length))
    giveBack(this.#bytes)
    this.#bytes = grown
  }
}

/** The key as a JSON array. Rows of a table without one are known by log and version, which never change. */
export function keyJson(table: Table, key: Uint8Array, log: string, version: bigint): string {
  if (table.key.length === 0) return `[${JSON.stringify(log)},${version}]`
  return keyArray(table, keyTexts(key))
}

/** The same from a canonical key; that of a table without one is its log and version. */
export function keyOfLines(table: Table, key: Uint8Array): string {
  const texts = keyTexts(key)
  if (table.key.length === 0) return `[${JSON.stringify(texts[0])},${texts[1]}]`
  return keyArray(table, texts)
}

function keyArray(table: Table, texts: readonly string[]): string {
  const values = table.key.map((place, i) => {
    const { masked, type } = table.columns[place]!
    return masked === true ? JSON.stringify(texts[i]!) : valueJson(type, texts[i]!)
  })
  return `[${values.join(',')}]`
}

export function upsertLine(into: Lines, view: ChangeView, key: string): void {
  into.text(`{"key":${key},"value":`)
  into.row(view)
  into.end(view.complete ? '}\n' : ',"complete":false}\n')
}

export function deleteLine(into: Lines, key: string, mark: boolean): void {
  into.end(mark ? `{"key":${key},"deleted":true}\n` : `{"key":${key},"value":null}\n`)
}

/** The last line of a batch in a file. */
export interface Marker {
  readonly batch: number
  readonly log: string
  readonly cursor: string
  /** State: lines in the folder, and how many of them a later one replaces, as far as is known. */
  readonly lines: number
  readonly dead: number
}

export const MARKER_START = '{"batch":'

export function markerLine(marker: Marker): string {
  return `${JSON.stringify(marker)}\n`
}
