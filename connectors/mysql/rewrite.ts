import type { Table } from '../../runtime/contract.ts'
import { isTailraceError, type TailraceError } from '../../runtime/errors.ts'
import { maskLost } from '../common/mask.ts'
import { type DefinedColumn, type Definition, type Origin, originOf } from './definition.ts'

/**
 * Finds values that a change of the table's definition made without an event: what the log holds of older rows is then
 * wrong, and only reading them again mends it.
 */

/**
 * Why older rows are not as the log has them; undefined if they are. MASK_LOST instead where going on would let values
 * pass. `now`: origin of `definition`.
 */
export function rewriteOf(before: Table, definition: Definition, now: Origin): string | TailraceError | undefined {
  const then = originOf(before)
  const vanished = then.columns.filter(([name]) => !now.columns.some(([other]) => other === name)).map(([name]) => name)
  const secret = vanished.find(name => isSecret(before, name))
  const reasons = definition.columns.map(defined => columnReason(defined, before, then, vanished.length > 0, secret))
  const lost = reasons.find(isTailraceError)
  if (lost !== undefined) return lost
  if (hasMoved(then, now)) return 'columns changed places'
  if (then.mask !== now.mask && then.mask !== null && now.mask !== null) return 'another maskKey makes its hashes'
  return reasons.find(reason => reason !== undefined)
}

function columnReason(
  { column, rule, isAddedNull }: DefinedColumn,
  before: Table,
  then: Origin,
  hasVanished: boolean,
  secret: string | undefined,
): string | TailraceError | undefined {
  const { name, declared } = column
  const known = then.columns.find(([other]) => other === name)
  if (known === undefined) {
    if (rule === 'exclude') return undefined
    if (rule === 'keep' && secret !== undefined) return maskLost(before, secret, name)
    // One that went and one that came may be one that was renamed.
    if (hasVanished) return `column ${name} was added or renamed`
    return isAddedNull ? undefined : `column ${name} was added with a value`
  }
  if (isSecret(before, name) && rule === 'keep') return `column ${name} was excluded or masked before`
  if (!isSecret(before, name) && rule !== 'keep') return `column ${name} was neither excluded nor masked before`
  if (known[1] === declared || rule === 'exclude' || isWidened(known[1], declared)) return undefined
  return `the type of column ${name} changed`
}

/** Names that pass from one column to the other look like places that do. */
function hasMoved(then: Origin, now: Origin): boolean {
  const common = (one: Origin, other: Origin): string =>
    JSON.stringify(one.columns.map(([name]) => name).filter(name => other.columns.some(([there]) => there === name)))
  return common(then, now) !== common(now, then)
}

function isSecret(before: Table, name: string): boolean {
  const column = before.columns.find(other => other.name === name)
  return column === undefined || column.masked === true
}

/** More room for the same text: the server changes no value. */
function isWidened(from: string, to: string): boolean {
  const [before, after] = [varchar(from), varchar(to)]
  return before !== undefined && after !== undefined && after >= before
}

function varchar(declared: string): number | undefined {
  const [, length] = /^varchar\((\d+)\)$/.exec(declared) ?? []
  return length === undefined ? undefined : Number(length)
}
