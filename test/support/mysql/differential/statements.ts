/** Random statements that change rows. */
import type { Random } from '../../../crash/random.ts'
import { literalOf, type RandomColumn, type RandomTable } from './tables.ts'

const oneOf = <T>(random: Random, values: readonly T[]): T => values[random.between(0, values.length)]!

/** Some of the table's columns. */
function someColumns(table: RandomTable, random: Random, share = 0.4): RandomColumn[] {
  return table.columns.filter(() => random.chance(share))
}

const keyNames = ({ shape }: RandomTable): string[] => shape.columns.map(([name]) => name)
const keyMatch = (table: RandomTable, random: Random, alias = ''): string => {
  const values = table.shape.values(random)
  return keyNames(table)
    .map((name, i) => `${alias}${name} = ${values[i]}`)
    .join(' AND ')
}

function rows(table: RandomTable, random: Random, columns: readonly RandomColumn[], most: number): string {
  const count = random.between(1, most + 1)
  const made = Array.from({ length: count }, () => {
    const cells = [...table.shape.values(random), ...columns.map(column => literalOf(column, random))]
    return `(${cells.join(', ')})`
  })
  return made.join(', ')
}

type Make = (table: RandomTable, random: Random, tables: readonly RandomTable[]) => string

function insertInto(verb: string, table: RandomTable, random: Random, most: number, end = ''): string {
  const columns = someColumns(table, random, 0.6)
  const names = [...keyNames(table), ...columns.map(({ name }) => name)].join(', ')
  return `${verb} INTO ${table.name} (${names}) VALUES ${rows(table, random, columns, most)}${end}`
}

const insert: Make = (table, random) => insertInto('INSERT', table, random, 2)
const insertIgnore: Make = (table, random) => insertInto('INSERT IGNORE', table, random, 6)
const replace: Make = (table, random) => insertInto('REPLACE', table, random, 4)

const upsert: Make = (table, random) => {
  const assigned = assignments(table, random, '')
  return insertInto('INSERT', table, random, 4, ` ON DUPLICATE KEY UPDATE ${assigned}`)
}

const insertSelect: Make = (table, random) => {
  const names = keyNames(table)
  const copied = someColumns(table, random).map(({ name }) => name)
  const shifted = [oneOf(random, [...table.shape.shifts, names[0]!]), ...names.slice(1), ...copied]
  const into = [...names, ...copied].join(', ')
  const verb = oneOf(random, ['INSERT IGNORE', 'REPLACE'])
  return `${verb} INTO ${table.name} (${into}) SELECT ${shifted.join(', ')} FROM ${table.name} LIMIT ${random.between(1, 5)}`
}

function assignments(table: RandomTable, random: Random, alias: string): string {
  const columns = someColumns(table, random, 0.2)
  const chosen = columns.length > 0 ? columns : table.columns.slice(0, 1)
  const documents = new Set(['$.added', '$.a', '$[0]', '$.k.x'])
  return chosen
    .map(column => {
      const name = `${alias}${column.name}`
      if (column.of.declared === 'json' && random.chance(0.6))
        return random.chance(0.7)
          ? `${name} = JSON_SET(${name}, '${oneOf(random, [...documents])}', ${oneOf(random, ['1', "'text'", 'NULL', '1.5e0'])})`
          : `${name} = JSON_REMOVE(${name}, '$.added')`
      return `${name} = ${literalOf(column, random)}`
    })
    .join(', ')
}

const update: Make = (table, random) =>
  `UPDATE ${table.name} SET ${assignments(table, random, '')} WHERE ${keyMatch(table, random)}`

const updateSome: Make = (table, random) =>
  `UPDATE ${table.name} SET ${assignments(table, random, '')} ORDER BY ${keyNames(table).join(', ')} LIMIT ${random.between(1, 8)}`

/** A new key, or one that is the same to its collation. */
const shift: Make = (table, random) => {
  const [first] = keyNames(table)
  const also = random.chance(0.3) ? `, ${assignments(table, random, '')}` : ''
  const order = oneOf(random, ['ASC', 'DESC'])
  const verb = random.chance(0.5) ? 'UPDATE IGNORE' : 'UPDATE'
  const to = oneOf(random, table.shape.shifts)
  return `${verb} ${table.name} SET ${first} = ${to}${also} ORDER BY ${first} ${order} LIMIT ${random.between(1, 6)}`
}

const remove: Make = (table, random) => `DELETE FROM ${table.name} WHERE ${keyMatch(table, random)}`

const removeSome: Make = (table, random) =>
  `DELETE FROM ${table.name} ORDER BY ${keyNames(table)[0]} LIMIT ${random.between(1, 4)}`

function another(table: RandomTable, random: Random, tables: readonly RandomTable[]): RandomTable {
  return oneOf(
    random,
    tables.filter(one => one !== table && one.shape.appendOnly !== true),
  )
}

const updateTwo: Make = (table, random, tables) => {
  const other = another(table, random, tables)
  const where = `${keyMatch(table, random, 'x.')} AND ${keyMatch(other, random, 'y.')}`
  return `UPDATE ${table.name} x JOIN ${other.name} y SET ${assignments(table, random, 'x.')}, ${assignments(other, random, 'y.')} WHERE ${where}`
}

const removeTwo: Make = (table, random, tables) => {
  const other = another(table, random, tables)
  const where = `${keyMatch(table, random, 'x.')} AND ${keyMatch(other, random, 'y.')}`
  return `DELETE x, y FROM ${table.name} x JOIN ${other.name} y WHERE ${where}`
}

/** The client hands over what `loadedLines` makes. */
const load: Make = (table, random) => {
  const names = keyNames(table).join(', ')
  const verb = oneOf(random, ['IGNORE', 'REPLACE'])
  const set = random.chance(0.5) ? ` SET ${assignments(table, random, '')}` : ''
  return `LOAD DATA LOCAL INFILE 'rows' ${verb} INTO TABLE ${table.name} CHARACTER SET utf8mb4 (${names})${set}`
}

/** For a statement of `load`. */
export function loadedLines(table: RandomTable, random: Random): string {
  const line = (): string => {
    const cells = table.shape.values(random).map(value => value.replace(/^X?'(.*)'$/s, '$1').replaceAll("''", "'"))
    return `${cells.join('\t')}\n`
  }
  return Array.from({ length: random.between(1, 5) }, line).join('')
}

const truncate: Make = table => `TRUNCATE TABLE ${table.name}`

const KINDS: readonly (readonly [weight: number, make: Make, isForAppendOnly?: true])[] = [
  [14, insert, true],
  [8, insertIgnore, true],
  [6, replace],
  [7, upsert],
  [4, insertSelect],
  [16, update],
  [8, updateSome],
  [10, shift],
  [7, remove],
  [3, removeSome],
  [4, updateTwo],
  [2, removeTwo],
  [3, load],
  [0.3, truncate],
]

/** One statement; `isLoad`: of a file that the client sends. */
export function randomStatement(tables: readonly RandomTable[], random: Random): { sql: string; table: RandomTable } {
  const table = oneOf(random, tables)
  const kinds = KINDS.filter(([, , isForAppendOnly]) => table.shape.appendOnly !== true || isForAppendOnly)
  let at = random.next() * kinds.reduce((sum, [weight]) => sum + weight, 0)
  const [, make] = kinds.find(([weight]) => {
    at -= weight
    return at < 0
  })!
  return { sql: make(table, random, tables), table }
}
