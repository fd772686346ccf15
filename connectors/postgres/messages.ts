import type { Table } from '../../runtime/contract.ts'
import { asBuffer, encodeCells, readU32BE } from '../../runtime/record/cells.ts'
import type { Tuple } from '../../runtime/record/tuple.ts'
import { prefixMatcher } from '../common/event-options.ts'
import { messageTable } from '../common/event-route.ts'
import type { EventNumbers } from '../common/event-tables.ts'
import { DDL_PREFIX } from './ddl-trigger.ts'

/** Flags and position, in front of the prefix (Message, protocol-logicalrep-message-formats.html). */
const HEAD = 9
const TRANSACTIONAL = 1

/** Prefixes whose table is remembered. */
const MOST_REMEMBERED = 10_000

/** `tailrace.ddl`, of our own event trigger. */
export function isDdl(bytes: Buffer, at: number): boolean {
  const prefixAt = at + HEAD
  return bytes.compare(DDL_PREFIX, 0, DDL_PREFIX.length, prefixAt, prefixAt + DDL_PREFIX.length) === 0
}

/** Messages that transactions write into the server's log (pg_logical_emit_message), as rows of a table for each prefix. */
export class Messages {
  readonly #isWanted: (prefix: string) => boolean
  readonly #numbers: EventNumbers
  /** By prefix; null: not captured. */
  readonly #tables = new Map<string, Table | null>()

  /** `prefixes`: patterns. */
  constructor(prefixes: readonly string[], numbers: EventNumbers) {
    this.#isWanted = prefixMatcher(prefixes)
    this.#numbers = numbers
  }

  /**
   * The message behind its type byte as a row; undefined: not captured, as are those that are of no transaction, which
   * stand in the log whether what wrote them was committed or not. Throws EVENT_TYPES.
   */
  read(bytes: Buffer, at: number): { readonly table: Table; readonly row: Tuple } | undefined {
    if ((bytes[at]! & TRANSACTIONAL) === 0) return undefined
    const prefixAt = at + HEAD
    const prefixEnd = bytes.indexOf(0, prefixAt)
    const table = this.#tableOf(bytes.toString('utf8', prefixAt, prefixEnd))
    if (table === null) return undefined
    const size = readU32BE(bytes, prefixEnd + 1)
    const contentFrom = prefixEnd + 5
    const cells = asBuffer(
      encodeCells([bytes.subarray(prefixAt, prefixEnd), bytes.subarray(contentFrom, contentFrom + size)]),
    )
    return { table, row: { bytes: cells, at: 0, end: cells.length } }
  }

  #tableOf(prefix: string): Table | null {
    const known = this.#tables.get(prefix)
    if (known !== undefined) return known
    const table = this.#isWanted(prefix) ? messageTable(prefix, this.#numbers) : null
    if (this.#tables.size < MOST_REMEMBERED) this.#tables.set(prefix, table)
    return table
  }
}
