import { unreadable } from './binlog-error.ts'
import { EventReader } from './event-reader.ts'
import { type JsonLeg, parseJsonPath } from './json-path.ts'

/** One difference between a JSON document and the one before. */
export interface JsonDiff {
  readonly operation: 'replace' | 'insert' | 'remove'
  readonly path: readonly JsonLeg[]
  /** Where the value, binary JSON, stands in the bytes; of removals both are 0. */
  readonly valueAt: number
  readonly valueEnd: number
}

const OPERATIONS = ['replace', 'insert', 'remove'] as const
const WHAT = 'a difference of a JSON document'

/** Those that stand from `at` to `end` (Json_diff_vector::read_binary of MySQL's sql/json_diff.cc). Throws BINLOG_UNREADABLE. */
export function parseJsonDiffs(bytes: Buffer, at: number, end: number): JsonDiff[] {
  const reader = new EventReader(bytes, at, end, WHAT)
  const diffs: JsonDiff[] = []
  while (reader.left > 0) {
    const number = reader.u8()
    const operation = OPERATIONS[number]
    if (operation === undefined) throw unreadable(`${WHAT} has the unknown operation ${number}`)
    const path = parseJsonPath(reader.text(reader.packed()))
    // The root is never part of one: then the document is logged as a whole.
    if (path.length === 0) throw unreadable(`${WHAT} is about all of it`)
    const length = operation === 'remove' ? 0 : reader.packed()
    const valueAt = operation === 'remove' ? 0 : reader.skip(length)
    diffs.push({ operation, path, valueAt, valueEnd: valueAt + length })
  }
  return diffs
}
