/** Tables of random types, as random statements know them. */
import type { Random } from '../../../crash/random.ts'
import type { TypeCase } from '../type-case.ts'

/** What a table's rows are told apart by. */
export interface KeyShape {
  readonly name: string
  /** Columns of the key in DDL, and what follows all columns. */
  readonly columns: readonly (readonly [name: string, ddl: string])[]
  readonly constraint: string
  /** Behind the closing bracket. */
  readonly options?: string
  /** Literals of one key, from few, so that they meet again. */
  readonly values: (random: Random) => readonly string[]
  /** Expressions that make another key of a key, or one that is equal to it in its collation. */
  readonly shifts: readonly string[]
  readonly appendOnly?: boolean
}

const small = (random: Random, most = 60): string => String(random.between(0, most))
const oneOf = <T>(random: Random, values: readonly T[]): T => values[random.between(0, values.length)]!

const WORDS = ['a', 'A', 'ä', 'Ä', 'b', 'B', 'straße', 'strasse', 'o\u0308', 'ö', 'x', 'X', 'Zz', 'zZ']

export const KEY_SHAPES: readonly KeyShape[] = [
  {
    name: 'plain',
    columns: [['id', 'int']],
    constraint: 'PRIMARY KEY (id)',
    values: random => [small(random)],
    shifts: ['id + 7', 'id + 1', 'id - 1', '-id'],
  },
  {
    name: 'words',
    columns: [['id', 'varchar(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci']],
    constraint: 'PRIMARY KEY (id)',
    values: random => [`'${oneOf(random, WORDS)}${random.chance(0.6) ? '' : small(random, 9)}'`],
    shifts: ['UPPER(id)', 'LOWER(id)', "CONCAT(LEFT(id, 15), ' ')", "LEFT(CONCAT('x', id), 15)"],
  },
  {
    name: 'pairs',
    columns: [
      ['id', 'bigint unsigned'],
      ['k2', 'varbinary(6)'],
    ],
    constraint: 'PRIMARY KEY (id, k2)',
    values: random => [oneOf(random, ['0', '1', '2', '18446744073709551615']), `X'${oneOf(random, HEX)}'`],
    shifts: ['1 - id % 2', '(id % 5) + 1'],
  },
  {
    name: 'uniques',
    columns: [['id', 'int unsigned NOT NULL']],
    constraint: 'UNIQUE KEY (id)',
    values: random => [small(random)],
    shifts: ['id + 11', 'id + 1'],
  },
  {
    name: 'parted',
    columns: [['id', 'int']],
    constraint: 'PRIMARY KEY (id)',
    options: 'PARTITION BY HASH (id) PARTITIONS 3',
    values: random => [small(random)],
    shifts: ['id + 1', 'id + 3'],
  },
  {
    name: 'moments',
    columns: [
      ['id', 'datetime(3)'],
      ['k2', "enum('x','y','it''s')"],
    ],
    constraint: 'PRIMARY KEY (k2, id)',
    values: random => [`'2024-02-29 23:59:${10 + random.between(0, 12)}.125'`, oneOf(random, ["'x'", "'y'", '3'])],
    shifts: ['id + INTERVAL 1 SECOND', 'id - INTERVAL 1 MINUTE'],
  },
  {
    name: 'prices',
    columns: [['id', 'decimal(12,3)']],
    constraint: 'PRIMARY KEY (id)',
    values: random => [`${small(random, 20)}.${oneOf(random, ['5', '50', '500', '0'])}`],
    shifts: ['id + 0.001', '-id'],
  },
  {
    name: 'journal',
    columns: [['id', 'int']],
    constraint: 'KEY (id)',
    values: random => [small(random)],
    shifts: [],
    appendOnly: true,
  },
]

/** Of columns that zongji cannot read: it drops their rows, or all of their events. Ours alone is compared. */
export const APART: KeyShape = { ...KEY_SHAPES[0]!, name: 'apart' }

const HEX = ['00', '0000', '01', 'ff', '20', '61', '41', '']

export interface RandomColumn {
  readonly name: string
  readonly of: TypeCase
}

/** As the server has it now. */
export class RandomTable {
  name: string
  readonly shape: KeyShape
  columns: RandomColumn[]
  #next: number

  constructor(name: string, shape: KeyShape, columns: readonly RandomColumn[]) {
    this.name = name
    this.shape = shape
    this.columns = [...columns]
    this.#next = columns.length
  }

  get create(): string {
    const { columns, constraint, options = '' } = this.shape
    const all = [
      ...columns.map(([name, ddl]) => `${name} ${ddl}`),
      ...this.columns.map(({ name, of }) => columnDdl(name, of)),
      constraint,
    ]
    return `CREATE TABLE ${this.name} (${all.join(', ')}) CHARACTER SET utf8mb4 ${options}`
  }

  /** A name that no column of it has had. */
  newName(): string {
    return `c${this.#next++}`
  }

  twin(name: string): RandomTable {
    const twin = new RandomTable(name, this.shape, this.columns)
    twin.#next = this.#next
    return twin
  }
}

/** Nullable, without a default; a TIMESTAMP would else have one of its own. */
export function columnDdl(name: string, { ddl }: TypeCase): string {
  const text = `${name} ${ddl.replaceAll(/\bv\b/g, name)}`
  return /\bcheck \(/.test(text) ? text : `${text} NULL`
}

/** A value of the column as SQL. Long ones are rare. */
export function literalOf({ of }: RandomColumn, random: Random): string {
  const { values } = of
  if (values.length === 0 || random.chance(0.12)) return 'NULL'
  const { sql, text } = oneOf(random, values)
  return text.length > 1000 && random.chance(0.97) ? 'NULL' : sql
}
