/** One session that writes: transactions, savepoints, what a session can set, and statements that alter tables. */
import { Readable } from 'node:stream'
import type mysql from 'mysql2/promise'
import type { Random } from '../../../crash/random.ts'
import type { Flavor } from '../releases.ts'
import type { TypeCase } from '../type-case.ts'
import { randomAlteration } from './alters.ts'
import { loadedLines, randomStatement } from './statements.ts'
import type { RandomTable } from './tables.ts'

export interface WriterOptions {
  readonly connection: mysql.Connection
  readonly flavor: Flavor
  readonly tables: RandomTable[]
  /** Types for columns that are added. */
  readonly cases: readonly TypeCase[]
  readonly random: Random
}

/** The statement is wrong, and not only refused for what the rows are. */
const WRONG = new Set([1054, 1064, 1146, 1109])

export class RandomWriter {
  statements = 0
  refused = 0
  alterations = 0
  readonly #options: WriterOptions
  #xids = 0
  /** Row images of the session are not whole. */
  #isPartial = false

  constructor(options: WriterOptions) {
    this.#options = options
  }

  async prepare(): Promise<void> {
    const strict = this.#options.flavor === 'mysql' ? '' : ', innodb_strict_mode = 0'
    await this.#options.connection.query(`SET SESSION sql_mode = '', time_zone = '+00:00'${strict}`)
  }

  /** Goes on until so many statements have been. */
  async write(count: number): Promise<void> {
    const { random } = this.#options
    const until = this.statements + count
    while (this.statements < until) {
      if (random.chance(0.1)) await this.#alter()
      else if (random.chance(0.08)) await this.#setting()
      else if (random.chance(0.4)) await this.#statement()
      else if (random.chance(0.15)) await this.#xa()
      else await this.#transaction()
    }
    await this.#reset()
  }

  async #transaction(): Promise<void> {
    const { random } = this.#options
    await this.#run('BEGIN')
    let savepoint = 0
    for (let left = random.between(1, 8); left > 0; left--) {
      const roll = random.next()
      if (roll < 0.12) await this.#run(`SAVEPOINT s${savepoint++}`)
      else if (roll < 0.24 && savepoint > 0) await this.#run(`ROLLBACK TO SAVEPOINT s${random.between(0, savepoint)}`)
      await this.#statement()
    }
    await this.#run(random.chance(0.1) ? 'ROLLBACK' : 'COMMIT')
  }

  /** Prepared and decided by the same session, or committed at once. */
  async #xa(): Promise<void> {
    const { random } = this.#options
    const xid = `'x${this.#xids++}','${random.between(0, 10)}',${random.between(1, 100)}`
    await this.#run(`XA START ${xid}`)
    for (let left = random.between(1, 6); left > 0; left--) await this.#statement()
    await this.#run(`XA END ${xid}`)
    if (random.chance(0.2)) {
      await this.#run(`XA COMMIT ${xid} ONE PHASE`)
      return
    }
    await this.#run(`XA PREPARE ${xid}`)
    await this.#run(`XA ${random.chance(0.3) ? 'ROLLBACK' : 'COMMIT'} ${xid}`)
  }

  async #statement(): Promise<void> {
    const { tables, random, flavor } = this.#options
    const { sql, table } = randomStatement(tables, random)
    // MariaDB then logs an update of the columns that were given, not of those that went back to their defaults.
    if (flavor === 'mariadb' && this.#isPartial && /^(REPLACE|LOAD DATA .*? REPLACE)/.test(sql)) return
    const lines = sql.startsWith('LOAD') ? loadedLines(table, random) : undefined
    await this.#run(sql, lines)
  }

  async #alter(): Promise<void> {
    const { tables, random, cases } = this.#options
    const table = tables[random.between(0, tables.length)]!
    const { sql, done } = randomAlteration(table, random, cases)
    this.alterations++
    for (const text of sql)
      if (!(await this.#run(text))) {
        // Of a swap that was refused half-way nothing may stay.
        await this.#run(`DROP TABLE IF EXISTS _${table.name}_new`)
        return
      }
    done()
  }

  async #setting(): Promise<void> {
    const { random, flavor } = this.#options
    const image = ['FULL', 'FULL', 'MINIMAL', 'NOBLOB'][random.between(0, 4)]!
    const switches = random.between(0, 3)
    if (switches === 0) {
      this.#isPartial = image !== 'FULL'
      await this.#run(`SET SESSION binlog_row_image = '${image}'`)
      // Changes within a document that is not sent are refused by the source.
      if (flavor === 'mysql' && this.#isPartial) await this.#run("SET SESSION binlog_row_value_options = ''")
    } else if (flavor === 'mariadb')
      await this.#run(
        `SET GLOBAL log_bin_compress = ${random.chance(0.5) ? 'ON' : 'OFF'}, GLOBAL log_bin_compress_min_len = 10`,
      )
    else if (switches === 1)
      await this.#run(`SET SESSION binlog_transaction_compression = ${random.chance(0.3) ? 'ON' : 'OFF'}`)
    else if (!this.#isPartial)
      await this.#run(`SET SESSION binlog_row_value_options = '${random.chance(0.4) ? 'PARTIAL_JSON' : ''}'`)
  }

  async #reset(): Promise<void> {
    const { connection, flavor } = this.#options
    await connection.query("SET SESSION binlog_row_image = 'FULL'")
    this.#isPartial = false
    if (flavor === 'mysql')
      await connection.query("SET SESSION binlog_transaction_compression = OFF, binlog_row_value_options = ''")
  }

  /** Answers whether it was done. Throws if it is not even a statement. */
  async #run(sql: string, lines?: string): Promise<boolean> {
    this.statements++
    const { connection } = this.#options
    try {
      if (lines === undefined) await connection.query(sql)
      else await connection.query({ sql, infileStreamFactory: () => Readable.from([Buffer.from(lines)]) })
      return true
    } catch (error) {
      const { errno, message } = error as { readonly errno?: number; readonly message: string }
      if (errno === undefined || WRONG.has(errno))
        throw new Error(`${message}: ${sql.slice(0, 2000)}`, { cause: error })
      this.refused++
      return false
    }
  }
}
