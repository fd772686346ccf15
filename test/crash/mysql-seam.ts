/**
 * One start of a pipeline on a busy MySQL or MariaDB, with two transactions that fall through a careless seam between
 * first load and stream: open when the state of the load is fixed, and committed while it is read, or behind it.
 */
import { randomUUID } from 'node:crypto'
import { setTimeout } from 'node:timers/promises'
import type mysql from 'mysql2/promise'
import type { MysqlServer } from '../support/mysql/server.ts'
import type { CommittedTransaction, RowChange } from './history.ts'
import { DATABASE, MysqlGround } from './mysql-ground.ts'
import { mysqlSql, nameTransaction } from './mysql-tables.ts'
import { type Proof, Rig } from './rig.ts'
import type { SeamOptions } from './seam.ts'
import type { TableName } from './tables.ts'

/** Keys and versions that the writer never comes to. */
const OWN_KEYS = 700
const OWN_VERSIONS = 1_000_000_000
/** Without GTIDs the tables are locked for a moment, which waits for those who have written. */
const BEFORE_LOCK_MS = 700

export interface MysqlSeamOptions extends SeamOptions {
  /** The server has no GTIDs. */
  readonly locks?: boolean
}

export async function startMysqlAcrossSeam(server: MysqlServer, options: MysqlSeamOptions): Promise<Proof> {
  const ground = await MysqlGround.make(server, options.filled)
  await using rig = await Rig.open(ground, options)
  await using early = await HandWritten.open(server, 0)
  await using across = await HandWritten.open(server, 1)
  await early.write('by_text')
  await across.write('by_pair')
  await across.remove('by_number')
  const pipeline = await rig.start()
  const loads = pipeline.until(({ sources }) => (sources.app?.progress?.rows ?? 0) > 0, 'it loads', 60)
  if (options.locks === true) {
    await setTimeout(BEFORE_LOCK_MS)
    await early.commit()
    await across.commit()
    await loads
  } else {
    await loads
    await early.write('by_pair')
    await early.commit()
    await pipeline.until(({ sources }) => sources.app?.phase === 'streaming', 'the stream has begun', 120)
    await across.write('by_text')
    await across.commit()
  }
  await pipeline.wait(300)
  rig.loadIsDone()
  await setTimeout(options.streamMs)
  return await rig.prove(
    pipeline,
    [early, across].flatMap(each => each.committed ?? []),
  )
}

/** A transaction led step by step, on keys of its own. */
class HandWritten implements AsyncDisposable {
  readonly #client: mysql.Connection
  readonly #changes: RowChange[] = []
  readonly #firstKey: number
  #version: number
  #xid = ''
  committed: CommittedTransaction | undefined

  private constructor(client: mysql.Connection, number: number) {
    this.#client = client
    this.#firstKey = OWN_KEYS + number * 10
    this.#version = OWN_VERSIONS + number * 1000
  }

  static async open(server: MysqlServer, number: number): Promise<HandWritten> {
    return new HandWritten(await server.connect({ database: DATABASE }), number)
  }

  /** New rows. */
  async write(table: TableName): Promise<void> {
    await this.#begin()
    const rows = [0, 1, 2].map(i => ({ key: this.#firstKey + i, ver: ++this.#version }))
    await this.#client.query(mysqlSql.insertRows(table, rows, 0))
    for (const row of rows) this.#changes.push({ table, ...row })
  }

  /** Rows that were there from the start. */
  async remove(table: TableName): Promise<void> {
    await this.#begin()
    const keys = [this.#firstKey + 4, this.#firstKey + 5]
    await this.#client.query(mysqlSql.deleteRows(table, keys))
    for (const key of keys) this.#changes.push({ table, key, ver: null })
  }

  async #begin(): Promise<void> {
    if (this.#xid !== '') return
    await this.#client.query('SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED; BEGIN')
    this.#xid = randomUUID()
    await this.#client.query(nameTransaction(this.#xid))
  }

  async commit(): Promise<void> {
    await this.#client.query('COMMIT')
    this.committed = { xid: this.#xid, changes: this.#changes }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#client.end()
  }
}
