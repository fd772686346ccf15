/** Random statements that change what tables are. */
import type { Random } from '../../../crash/random.ts'
import type { TypeCase } from '../type-case.ts'
import { columnDdl, literalOf, type RandomColumn, type RandomTable } from './tables.ts'

const oneOf = <T>(random: Random, values: readonly T[]): T => values[random.between(0, values.length)]!

/** Run one after the other; `done` once all have been. */
export interface Alteration {
  readonly sql: readonly string[]
  readonly done: () => void
}

const NOTHING = (): void => {}

/** Types of which one can become the other without loss, mostly. */
const CHANGES: readonly (readonly [from: RegExp, to: string])[] = [
  [/^(tinyint|smallint|mediumint|int)$/, 'bigint'],
  [/^varchar\(40\)$/, 'varchar(300) character set utf8mb4'],
  [/^(date|datetime)$/, 'datetime(6)'],
  [/^(tinytext|text)$/, 'longtext character set utf8mb4'],
  [/^(tinyblob|blob)$/, 'longblob'],
  [/^decimal\(10,2\)$/, 'decimal(65,30)'],
  [/^float$/, 'double'],
]

type Alter = (table: RandomTable, random: Random, cases: readonly TypeCase[]) => Alteration | undefined

const add: Alter = (table, random, cases) => {
  const column = { name: table.newName(), of: oneOf(random, cases) }
  const place = oneOf(random, ['', ' FIRST', ` AFTER ${table.shape.columns[0]![0]}`])
  const hasDefault = random.chance(0.3) && /^(int|bigint|varchar\(40\)|decimal\(10,2\))$/.test(column.of.declared)
  const value = hasDefault ? ` DEFAULT ${literalOf(column, random)}` : ''
  return {
    sql: [`ALTER TABLE ${table.name} ADD COLUMN ${columnDdl(column.name, column.of)}${value}${place}`],
    done: () => {
      table.columns = [...table.columns, column]
    },
  }
}

const drop: Alter = (table, random) => {
  if (table.columns.length < 3) return undefined
  const { name } = oneOf(random, table.columns)
  return {
    sql: [`ALTER TABLE ${table.name} DROP COLUMN ${name}`],
    done: () => {
      table.columns = table.columns.filter(column => column.name !== name)
    },
  }
}

const rename: Alter = (table, random) => {
  const column = oneOf(random, table.columns)
  const name = table.newName()
  return {
    sql: [`ALTER TABLE ${table.name} RENAME COLUMN ${column.name} TO ${name}`],
    done: replacing(table, column, { ...column, name }),
  }
}

const change: Alter = (table, random, cases) => {
  const candidates = table.columns.flatMap(column => {
    const to = CHANGES.find(([from]) => from.test(column.of.declared))?.[1]
    const of = to === undefined ? undefined : cases.find(one => one.ddl === to)
    return of === undefined ? [] : [{ column, of }]
  })
  if (candidates.length === 0) return undefined
  const { column, of } = oneOf(random, candidates)
  const name = random.chance(0.3) ? table.newName() : column.name
  return {
    sql: [`ALTER TABLE ${table.name} CHANGE COLUMN ${column.name} ${columnDdl(name, of)}`],
    done: replacing(table, column, { name, of }),
  }
}

function replacing(table: RandomTable, column: RandomColumn, by: RandomColumn): () => void {
  return () => {
    table.columns = table.columns.map(one => (one === column ? by : one))
  }
}

const index: Alter = (table, random) => {
  const name = `i${random.between(0, 1_000_000)}`
  const key = table.shape.columns[0]![0]
  return {
    sql: [`CREATE INDEX ${name} ON ${table.name} (${key})`, `DROP INDEX ${name} ON ${table.name}`],
    done: NOTHING,
  }
}

const rebuild: Alter = (table, random) => ({
  sql: [
    oneOf(random, [
      `ALTER TABLE ${table.name} ENGINE = InnoDB`,
      `OPTIMIZE TABLE ${table.name}`,
      `ANALYZE TABLE ${table.name}`,
    ]),
  ],
  done: NOTHING,
})

/** As gh-ost and pt-osc do: a copy under another name, which takes the table's place. */
const swap: Alter = (table, random, cases) => {
  const ghost = `_${table.name}_new`
  const column = { name: table.newName(), of: oneOf(random, cases) }
  const names = [...table.shape.columns.map(([name]) => name), ...table.columns.map(({ name }) => name)].join(', ')
  return {
    sql: [
      `CREATE TABLE ${ghost} LIKE ${table.name}`,
      `ALTER TABLE ${ghost} ADD COLUMN ${columnDdl(column.name, column.of)}`,
      `INSERT INTO ${ghost} (${names}) SELECT ${names} FROM ${table.name}`,
      `RENAME TABLE ${table.name} TO _${table.name}_old, ${ghost} TO ${table.name}`,
      `DROP TABLE _${table.name}_old`,
    ],
    done: () => {
      table.columns = [...table.columns, column]
    },
  }
}

const again: Alter = table => ({ sql: [`DROP TABLE ${table.name}`, table.create], done: NOTHING })

const empty: Alter = (table, random) =>
  table.shape.options === undefined
    ? undefined
    : { sql: [`ALTER TABLE ${table.name} TRUNCATE PARTITION p${random.between(0, 3)}`], done: NOTHING }

const temporary: Alter = table => ({
  sql: [
    `CREATE TEMPORARY TABLE passing LIKE ${table.name}`,
    `INSERT INTO passing SELECT * FROM ${table.name}`,
    'DROP TEMPORARY TABLE passing',
  ],
  done: NOTHING,
})

const KINDS: readonly (readonly [weight: number, alter: Alter])[] = [
  [5, add],
  [4, drop],
  [4, rename],
  [4, change],
  [2, index],
  [2, rebuild],
  [2, swap],
  [1, again],
  [1, empty],
  [1, temporary],
]

export function randomAlteration(table: RandomTable, random: Random, cases: readonly TypeCase[]): Alteration {
  for (;;) {
    let at = random.next() * KINDS.reduce((sum, [weight]) => sum + weight, 0)
    const [, alter] = KINDS.find(([weight]) => {
      at -= weight
      return at < 0
    })!
    // Rows of a table without a key are not read again.
    if (table.shape.appendOnly === true && alter !== index && alter !== temporary) continue
    const made = alter(table, random, cases)
    if (made !== undefined) return made
  }
}
