import type { Table } from '../../runtime/contract.ts'
import { isTailraceError, type TailraceError } from '../../runtime/errors.ts'
import { maskLost } from '../common/mask.ts'
import { type DefinedColumn, type Definition, isSameRelation, type Origin, originOf } from './definition.ts'

/**
 * Finds values that changed without an event: what the log holds of older rows is then wrong, and only reading them
 * again mends it.
 */

/**
 * Why older rows are not as the log has them; undefined if they are. MASK_LOST instead where going on would let values
 * pass. `now`: origin of `definition`.
 */
export function rewriteOf(before: Table, definition: Definition, now: Origin): string | TailraceError | undefined {
  const then = originOf(before)
  if (!isSameRelation(then, now)) return 'it was dropped and made again, or is another table by its name'
  const comparison = { before, then, isMoved: hasNewFiles(then, now), vanished: vanishedSecret(before, then, now) }
  const reasons = definition.columns.map(defined => columnReason(defined, comparison))
  const lost = reasons.find(isTailraceError)
  if (lost !== undefined) return lost
  if (then.key.join() !== now.key.join()) return 'its key columns changed'
  if (then.mask !== now.mask && then.mask !== null && now.mask !== null) return 'another maskKey makes its hashes'
  return reasons.find(reason => reason !== undefined)
}

type Attribute = Origin['attributes'][number]

interface Comparison {
  readonly before: Table
  readonly then: Origin
  /** A leaf was rewritten (or truncated) since. */
  readonly isMoved: boolean
  /** A masked or excluded column that is nowhere now. */
  readonly vanished: string | undefined
}

function columnReason(
  { attribute, column, rule }: DefinedColumn,
  { before, then, isMoved, vanished }: Comparison,
): string | TailraceError | undefined {
  // A column that only the stream knows has no number any more: its name has to do.
  const known = then.attributes.find(([attnum, name]) =>
    attribute.attnum === 0 || attnum === 0 ? name === column.name : attnum === attribute.attnum,
  )
  if (known === undefined) {
    if (then.attributes.some(([, name]) => name === column.name))
      return `column ${column.name} was dropped and added again`
    if (attribute.hasMissing || (attribute.hasDefault && isMoved))
      return `column ${column.name} was added with a default`
    if (attribute.attnum === 0 && rule === 'keep' && vanished !== undefined)
      return maskLost(before, vanished, column.name)
    return undefined
  }
  const [, name, type, typmod] = known
  if (isSecret(before, known) && rule === 'keep')
    return name === column.name ? `column ${name} was excluded or masked before` : maskLost(before, name, column.name)
  if (!isSecret(before, known) && rule !== 'keep') return `column ${name} was neither excluded nor masked before`
  const isSameType = type === attribute.typeOid && typmod === attribute.typmod
  if (isSameType || rule === 'exclude') return undefined
  if (!isMoved && type === attribute.typeOid && isWidened(type, typmod, attribute.typmod)) return undefined
  return `the type of column ${column.name} changed`
}

function isSecret(before: Table, [, name]: Attribute): boolean {
  const column = before.columns.find(other => other.name === name)
  return column === undefined || column.masked === true
}

function vanishedSecret(before: Table, then: Origin, now: Origin): string | undefined {
  const secret = then.attributes.find(
    attribute =>
      isSecret(before, attribute) &&
      !now.attributes.some(([attnum, name]) => name === attribute[1] || (attnum !== 0 && attnum === attribute[0])),
  )
  return secret?.[1]
}

function hasNewFiles(then: Origin, now: Origin): boolean {
  const files = new Map(now.files.map(([oid, file]) => [oid, file]))
  return then.files.some(([oid, file]) => files.has(oid) && files.get(oid) !== file)
}

const VARCHAR = 1043
const VARBIT = 1562
const NUMERIC = 1700

/** More room for the same values: the server changes no row. */
function isWidened(type: number, from: number, to: number): boolean {
  if (to === -1) return type === VARCHAR || type === VARBIT || type === NUMERIC
  if (from === -1 || to < from) return false
  if (type === VARCHAR || type === VARBIT) return true
  return type === NUMERIC && ((from - 4) & 0x7ff) === ((to - 4) & 0x7ff)
}
