import type { Table } from '../../runtime/contract.ts'
import { fitName, type NameRules, Names } from '../../runtime/naming.ts'
import { cellEnd, contentAt } from '../../runtime/record/cells.ts'
import { keyFromText, keyFromTexts, keyText } from '../../runtime/record/key.ts'
import { CellTag } from '../../runtime/record/layout.ts'

/**
 * Keys in the database: `<name>:<key>`, the name from a template and the key as keyText writes it. A colon inside a
 * schema or table is percent-escaped, so that a name holds as many as its template and no name begins another one.
 */

/** Beginning of the names of what the sink keeps for itself. */
export const OWN = '_tailrace'

const PART: NameRules = { maxBytes: 255, holds: character => character !== ':', caseless: false }
const WHOLE: NameRules = {
  maxBytes: Number.POSITIVE_INFINITY,
  holds: () => true,
  caseless: false,
  reserved: new RegExp(`^${OWN}`),
}

const PERCENT = 0x25

export class KeyNames {
  /** In front of every finished name: that of a generation, which hides its keys. */
  readonly prefix: string
  readonly #names: Names
  readonly #colons: number

  constructor(template: string, pipeline: string, prefix = '') {
    this.prefix = prefix
    this.#names = new Names(template, pipeline, WHOLE)
    this.#colons = template.split(':').length - 1
  }

  /** The name of a table, without the colon behind it. Throws NAME_COLLISION. */
  of({ name, source, schema, table }: Table): string {
    const parts = { name, source, schema: fitName(schema, PART), table: fitName(table, PART) }
    return this.prefix + this.#names.of(parts)
  }

  /** The name that a key of the database has, if it can be one of this template. */
  nameIn(key: string): string | undefined {
    // Without a prefix these are keys of generations, and the sink's own.
    if (!key.startsWith(this.prefix) || (this.prefix === '' && key.startsWith(OWN))) return undefined
    let at = this.prefix.length - 1
    for (let colons = 0; colons <= this.#colons; colons++) {
      at = key.indexOf(':', at + 1)
      if (at === -1) return undefined
    }
    return key.slice(0, at)
  }
}

/** Which of these names the key belongs to. */
export function ownerOf(key: string, names: ReadonlySet<string>): string | undefined {
  for (let at = key.indexOf(':'); at !== -1; at = key.indexOf(':', at + 1)) {
    const name = key.slice(0, at)
    if (names.has(name)) return name
  }
  return undefined
}

/** A pattern of SCAN and ACL that fits exactly the keys of this name. */
export function patternOf(name: string): string {
  return `${literal(name)}:*`
}

/** A pattern of SCAN that fits the keys of all these names, and perhaps others; of no name, every key. */
export function patternOfAll(names: ReadonlySet<string>): string {
  const [first = '', ...rest] = names
  if (names.size === 1) return patternOf(first)
  let shared = first
  for (const name of rest) while (!name.startsWith(shared)) shared = shared.slice(0, -1)
  // Half a character would be sent as another one.
  return `${literal(shared.replace(/[\uD800-\uDBFF]$/, ''))}*`
}

function literal(text: string): string {
  return text.replace(/[*?[\]\\^]/g, '\\$&')
}

/** The bytes behind the colon for a key; those of keyText, without a string where the key is one plain text. */
export function keyPart(key: Uint8Array): Uint8Array {
  if (key[0] === CellTag.text && cellEnd(key, 0, key.length) === key.length) {
    const at = contentAt(key, 0)
    if (key[at] !== PERCENT) return key.subarray(at)
  }
  return Buffer.from(keyText(key))
}

/** Of a table without a key: log and version, which a row never changes. */
export function keylessPart(logId: string, version: bigint): Uint8Array {
  return keyPart(keyFromTexts([logId, String(version)]))
}

/** The key that keyText made this text of; undefined if it has not as many parts as the table's keys. */
export function keyFromPart(part: string, table: Table): Uint8Array | undefined {
  return keyFromText(part, table.key.length || 2)
}
