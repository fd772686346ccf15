import type { Column, LoggedChange, Table } from '../contract.ts'
import { giveBack, LARGE_BYTES } from '../large-memory.ts'
import { milliseconds, type Origin, type SourceInfo, sourceInfo } from './envelope-source.ts'
import { jsonRoom } from './json.ts'
import { keyTexts } from './key.ts'
import { valueJson } from './value.ts'

/**
 * Changes as Debezium's envelope: `{"before","after","source","op","ts_ms","transaction"}`, one line of JSON each, in a
 * frame `{"cursor","table","key","value"}`.
 */

const FIRST_BUFFER = 16 * 1024

/** Encodes one change at a time into a buffer of its own. */
export class EnvelopeWriter {
  readonly #source: SourceInfo
  #buffer = Buffer.allocUnsafe(FIRST_BUFFER)

  constructor(origin: Origin) {
    this.#source = sourceInfo(origin)
  }

  /**
   * The change as one line of JSON without its newline. `cursor`: where to go on behind it. The bytes are valid until
   * the next call. Not for schema changes (`s`).
   */
  write(change: LoggedChange, cursor: string): Uint8Array {
    const { table, key } = change
    const frame = `{"cursor":${JSON.stringify(cursor)},"table":${JSON.stringify(table.name)},"key":${keyJson(table, key)},"value":`
    return this.#write(change, frame, '}')
  }

  /** The envelope alone, likewise. */
  value(change: LoggedChange): Uint8Array {
    return this.#write(change, '', '')
  }

  #write(change: LoggedChange, before: string, behind: string): Uint8Array {
    const head = `${before}{"before":${beforeJson(change)},"after":`
    const tail = `,"source":${this.#source(change)},"op":"${change.kind}","ts_ms":${milliseconds(change.appendTime)},"transaction":${transactionJson(change)}}${behind}`
    const hasRow = change.kind !== 'd' && change.kind !== 't'
    if (this.#buffer.length >= LARGE_BYTES) {
      giveBack(this.#buffer)
      this.#buffer = Buffer.allocUnsafe(FIRST_BUFFER)
    }
    for (;;) {
      const end = this.#fill(change, head, tail, hasRow)
      if (end !== -1) return this.#buffer.subarray(0, end)
      const room = 3 * (head.length + tail.length) + jsonRoom(change)
      giveBack(this.#buffer)
      this.#buffer = Buffer.allocUnsafeSlow(Math.max(2 * this.#buffer.length, room))
    }
  }

  #fill(change: LoggedChange, head: string, tail: string, hasRow: boolean): number {
    const buffer = this.#buffer
    // A UTF-16 unit takes at most three bytes.
    if (3 * (head.length + tail.length) + 4 > buffer.length) return -1
    let at = buffer.write(head, 0)
    if (hasRow) at = change.toJson(buffer, at)
    else at += buffer.write('null', at)
    if (at === -1 || at + 3 * tail.length > buffer.length) return -1
    return at + buffer.write(tail, at)
  }
}

/** The key columns as a JSON object; null for a table without key and for a truncate. */
export function keyJson(table: Table, key: Uint8Array): string {
  if (key.length === 0) return 'null'
  const members = keyTexts(key).map((text, i) => {
    return memberJson(table.columns[table.key[i]!]!, text)
  })
  return `{${members.join(',')}}`
}

/** The columns known of the row before; null if none is. */
function beforeJson(change: LoggedChange): string {
  if (change.kind === 'r' || change.kind === 't') return 'null'
  const members: string[] = []
  change.table.columns.forEach((column, i) => {
    const text = change.before(i)
    if (text !== undefined) members.push(memberJson(column, text))
  })
  return members.length === 0 ? 'null' : `{${members.join(',')}}`
}

/** A masked value is text, whatever the column's type. */
export function memberJson({ name, type, masked }: Column, text: string | null): string {
  const value = text === null ? 'null' : masked === true ? JSON.stringify(text) : valueJson(type, text)
  return `${JSON.stringify(name)}:${value}`
}

function transactionJson({ transaction, index }: LoggedChange): string {
  return transaction === undefined ? 'null' : `{"id":${JSON.stringify(transaction)},"total_order":${index + 1}}`
}
