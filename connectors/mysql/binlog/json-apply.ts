import { unreadable } from './binlog-error.ts'
import type { JsonDiff } from './json-diff.ts'
import { type JsonArray, type JsonNode, parseJson, printJson } from './json-document.ts'
import type { JsonLeg } from './json-path.ts'

/** Prints the binary JSON that stands in `bytes` from `at` to `end`. */
export type PrintBinaryJson = (bytes: Buffer, at: number, end: number) => string

/**
 * The document behind the differences, as MySQL prints it. `text`: the one before them; `bytes`: where their values
 * stand. Throws BINLOG_UNREADABLE: one does not fit the document, which is then not the one it was made for
 * (apply_json_diffs of MySQL's sql/json_diff.cc rejects the same).
 */
export function applyJsonDiffs(
  text: string,
  diffs: readonly JsonDiff[],
  bytes: Buffer,
  printBinary: PrintBinaryJson,
): string {
  const document = parseJson(text)
  for (const diff of diffs) {
    const value = diff.operation === 'remove' ? undefined : parseJson(printBinary(bytes, diff.valueAt, diff.valueEnd))
    apply(document, diff, value)
  }
  return printJson(document)
}

/** `value`: undefined for removals alone. */
function apply(document: JsonNode, { operation, path }: JsonDiff, value: JsonNode | undefined): void {
  let parent = document
  for (const leg of path.slice(0, -1)) parent = childOf(parent, leg)
  const last = path[path.length - 1]!
  if (Array.isArray(parent) && typeof last === 'number') changeCell(parent, last, operation, value)
  else if (parent instanceof Map && typeof last === 'string') {
    const member = parent.get(last)
    if ((member === undefined) !== (operation === 'insert')) throw unfit()
    if (value === undefined) parent.delete(last)
    else if (member === undefined) parent.set(last, { printedName: JSON.stringify(last), value })
    else member.value = value
  } else throw unfit()
}

function changeCell(
  array: JsonArray,
  leg: number,
  operation: JsonDiff['operation'],
  value: JsonNode | undefined,
): void {
  const cell = leg < 0 ? array.length + leg : leg
  if (operation === 'insert') {
    // Beyond either end means there.
    array.splice(Math.max(0, cell), 0, value!)
    return
  }
  if (cell < 0 || cell >= array.length) throw unfit()
  if (value === undefined) array.splice(cell, 1)
  else array[cell] = value
}

function childOf(parent: JsonNode, leg: JsonLeg): JsonNode {
  const child =
    Array.isArray(parent) && typeof leg === 'number'
      ? parent[leg < 0 ? parent.length + leg : leg]
      : parent instanceof Map && typeof leg === 'string'
        ? parent.get(leg)?.value
        : undefined
  if (child === undefined) throw unfit()
  return child
}

function unfit(): Error {
  return unreadable('a difference of a JSON document does not fit the document it is for')
}
