import type pg from 'pg'
import type { Random } from '../crash/random.ts'

/** Tables with values so wide that the server leaves them out of updates, and random transactions on them. */

export interface WideTable {
  readonly name: string
  readonly definition: string
  readonly key: readonly string[]
  readonly wide: readonly string[]
  /** A key from a number. */
  readonly values: (n: number) => readonly string[]
  /** Of a partitioned table: names, each for one value of its last key column. */
  readonly partitions?: readonly string[]
}

const ONE = 'id int PRIMARY KEY, ver bigint NOT NULL, small text, big text, other text'

/** A table as the first of WIDE_TABLES. */
export function plainTable(name: string): WideTable {
  return { name, definition: ONE, key: ['id'], wide: ['big', 'other'], values: n => [String(n)] }
}

export const WIDE_TABLES: readonly WideTable[] = [
  plainTable('one'),
  {
    // The key lies behind a wide column, and is no run of the row.
    name: 'two',
    definition: 'big text, code text, ver bigint NOT NULL, line int, small text, other text, PRIMARY KEY (code, line)',
    key: ['code', 'line'],
    wide: ['big', 'other'],
    values: n => [`c${n >> 1}`, String(n & 1)],
  },
]

export const PARTED: WideTable = {
  name: 'parted',
  definition: 'id int, part int, ver bigint NOT NULL, small text, big text, other text, PRIMARY KEY (id, part)',
  key: ['id', 'part'],
  wide: ['big', 'other'],
  values: n => [String(n >> 1), String(n % 3)],
  partitions: ['parted_0', 'parted_1', 'parted_2'],
}

const KEYS = 14

/** Statements that make the tables; wide values are never compressed, so that they are stored elsewhere. */
export function wideSchema(tables: readonly WideTable[] = WIDE_TABLES): string {
  return tables.map(tableSchema).join('\n')
}

function tableSchema({ name, definition, key, wide, partitions }: WideTable): string {
  const storage = wide.map(column => `ALTER TABLE ${name} ALTER ${column} SET STORAGE EXTERNAL;`).join(' ')
  if (partitions === undefined) return `CREATE TABLE ${name} (${definition}); ${storage}`
  const parts = partitions.map((_, i) => `${partitionSchema(name, partitions, i)};`).join(' ')
  return `CREATE TABLE ${name} (${definition}) PARTITION BY LIST (${key.at(-1)}); ${storage} ${parts}`
}

export function partitionSchema(name: string, partitions: readonly string[], i: number): string {
  return `CREATE TABLE ${partitions[i]} PARTITION OF ${name} FOR VALUES IN (${i})`
}

/** Writes one random transaction after the other. Every row written has a `ver` of its own, greater than all before. */
export class WideWriter {
  readonly #client: pg.Client
  readonly #random: Random
  readonly #tables: WideTable[]
  #ver = 0

  constructor(client: pg.Client, random: Random, tables: readonly WideTable[] = WIDE_TABLES) {
    this.#client = client
    this.#random = random
    this.#tables = [...tables]
  }

  get tables(): readonly WideTable[] {
    return this.#tables
  }

  /** A table that is there from now on. */
  add(table: WideTable): void {
    this.#tables.push(table)
  }

  /** The first of so many versions that nobody else gets. */
  versions(count: number): number {
    this.#ver += count
    return this.#ver - count + 1
  }

  /** `huge`: more than a batch holds, with narrow updates of rows that the same transaction wrote. */
  async transaction(huge: boolean): Promise<void> {
    const random = this.#random
    await this.#client.query('BEGIN')
    if (huge) await this.#huge()
    for (let steps = random.between(1, 10); steps > 0; steps--) {
      if (random.chance(0.12)) await this.#undone()
      else await this.#step()
    }
    await this.#client.query(random.chance(0.1) ? 'ROLLBACK' : 'COMMIT')
  }

  /** Statements that a savepoint takes back, or not. */
  async #undone(): Promise<void> {
    await this.#client.query('SAVEPOINT here')
    for (let steps = this.#random.between(1, 5); steps > 0; steps--) await this.#step()
    await this.#client.query(this.#random.chance(0.6) ? 'ROLLBACK TO SAVEPOINT here' : 'RELEASE SAVEPOINT here')
  }

  async #step(): Promise<void> {
    const random = this.#random
    const table = this.#tables[random.between(0, this.#tables.length)]!
    const choice = random.next()
    if (choice < 0.25) await this.#upsert(table)
    else if (choice < 0.6) await this.#update(table, ['small'])
    else if (choice < 0.7) await this.#update(table, [table.wide[random.between(0, table.wide.length)]!])
    else if (choice < 0.82) await this.#move(table)
    else if (choice < 0.9) await this.#delete(table)
    else if (choice < 0.98) await this.#again(table)
    else await this.#client.query(`TRUNCATE ${table.name}`)
  }

  #key(table: WideTable): readonly string[] {
    return table.values(this.#random.between(0, KEYS))
  }

  #where({ key }: WideTable, values: readonly string[]): string {
    return key.map((column, i) => `${column} = '${values[i]}'`).join(' AND ')
  }

  /** Null, short, or stored elsewhere. */
  #text(): string {
    const random = this.#random
    const choice = random.next()
    if (choice < 0.08) return 'NULL'
    if (choice < 0.2) return `'short ${this.#ver}'`
    return `'${this.#ver} ' || repeat('${'abcdefghij'[random.between(0, 10)]}', ${random.between(2100, 6000)})`
  }

  async #upsert(table: WideTable): Promise<void> {
    const { name, key, wide } = table
    const ver = ++this.#ver
    const columns = [...key, 'ver', 'small', ...wide]
    const values = [...this.#key(table).map(value => `'${value}'`), ver, `'s${ver}'`, ...wide.map(() => this.#text())]
    await this.#client.query(
      `INSERT INTO ${name} (${columns.join()}) VALUES (${values.join()}) ON CONFLICT (${key.join()}) DO UPDATE SET ver = ${ver}`,
    )
  }

  async #update(table: WideTable, columns: readonly string[]): Promise<void> {
    const ver = ++this.#ver
    const set = columns.map(column => `${column} = ${column === 'small' ? `'s${ver}'` : this.#text()}`)
    const where = this.#where(table, this.#key(table))
    await this.#client.query(`UPDATE ${table.name} SET ver = ${ver}, ${set.join()} WHERE ${where}`)
  }

  /** To a key that is free; the wide columns stay, or one of them changes too. */
  async #move(table: WideTable): Promise<void> {
    const { name, key, wide } = table
    const ver = ++this.#ver
    const to = this.#key(table)
    const set = [...key.map((column, i) => `${column} = '${to[i]}'`), `ver = ${ver}`]
    if (this.#random.chance(0.3)) set.push(`${wide[0]} = ${this.#text()}`)
    const isFree = `NOT EXISTS (SELECT FROM ${name} other WHERE ${this.#where(table, to)})`
    await this.#client.query(
      `UPDATE ${name} SET ${set.join()} WHERE ${this.#where(table, this.#key(table))} AND ${isFree}`,
    )
  }

  async #delete(table: WideTable): Promise<void> {
    await this.#client.query(`DELETE FROM ${table.name} WHERE ${this.#where(table, this.#key(table))}`)
  }

  /** Deleted, inserted anew and updated narrowly: the deleted row's values must not come back. */
  async #again(table: WideTable): Promise<void> {
    const { name, key, wide } = table
    const values = this.#key(table)
    const where = this.#where(table, values)
    await this.#client.query(`DELETE FROM ${name} WHERE ${where}`)
    const ver = ++this.#ver
    const columns = [...key, 'ver', ...wide]
    const row = [...values.map(value => `'${value}'`), ver, ...wide.map(() => this.#text())]
    await this.#client.query(`INSERT INTO ${name} (${columns.join()}) VALUES (${row.join()})`)
    await this.#client.query(`UPDATE ${name} SET ver = ${++this.#ver}, small = 'again' WHERE ${where}`)
  }

  async #huge(): Promise<void> {
    const { name, wide } = this.#tables[0]!
    const ver = ++this.#ver
    this.#ver += KEYS
    const text = `'${ver} ' || repeat('h', 200000)`
    await this.#client.query(
      `INSERT INTO ${name} (id, ver, big, other) SELECT n, ${ver} + n, ${text}, ${text} FROM generate_series(0, ${KEYS - 1}) n
       ON CONFLICT (id) DO UPDATE SET ver = excluded.ver, ${wide.map(column => `${column} = excluded.${column}`).join()}`,
    )
    for (let round = 0; round < 2; round++) {
      this.#ver += KEYS
      await this.#client.query(`UPDATE ${name} SET ver = ${this.#ver - KEYS + 1} + id, small = 'huge'`)
    }
  }
}
