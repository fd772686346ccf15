import type { Table } from '../../runtime/contract.ts'
import { isSameRelation, type Origin, originOf } from './definition.ts'

/**
 * For each column of `now`, which column of `then` has its number: names pass from one column to another. -1 where there
 * is none, or its number was not known any more. Of a table that was made anew they are known by name.
 */
export function formerColumns(now: Table, then: Table): number[] {
  const [today, former] = [originOf(now), originOf(then)]
  if (!isSameRelation(today, former))
    return now.columns.map(({ name }) => then.columns.findIndex(column => column.name === name))
  return now.columns.map(({ name }) => {
    const attnum = numberOf(today, name)
    const known = former.attributes.find(([number]) => number === attnum && number !== 0)
    return known === undefined ? -1 : then.columns.findIndex(column => column.name === known[1])
  })
}

function numberOf({ attributes }: Origin, column: string): number {
  return attributes.find(([, name]) => name === column)?.[0] ?? 0
}
