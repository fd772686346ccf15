import { randomUUID } from 'node:crypto'
import { setTimeout } from 'node:timers/promises'
import mysql, { type ResultSetHeader } from 'mysql2/promise'
import { errorCode } from '../../runtime/errors.ts'
import type { Outcome } from './execute.ts'
import { COMMITS, nameTransaction } from './mysql-tables.ts'
import type { Plan } from './plan.ts'
import type { Random } from './random.ts'

/** The transaction was rolled back by the server, or is to be. */
const ABORTED = new Set(['ER_LOCK_DEADLOCK', 'ER_LOCK_WAIT_TIMEOUT'])
const ON_PURPOSE = 'ER_SIGNAL_EXCEPTION'

/** As PlanConnection, at MySQL and MariaDB. A transaction's number is the name of its row in COMMITS. */
export class MysqlPlanConnection {
  readonly #url: string
  #client: mysql.Connection | undefined

  constructor(url: string) {
    this.#url = url
  }

  async execute(plan: Plan, random: Random): Promise<Outcome> {
    const xid = randomUUID()
    let ending = false
    try {
      this.#client ??= await connect(this.#url)
      await this.#run(xid, plan, random.chance(0.7))
      if (plan.ending === 'error') {
        await this.#fail()
        return { committed: false }
      }
      ending = plan.ending === 'commit'
      await this.#client.query(ending ? 'COMMIT' : 'ROLLBACK')
      return ending ? { committed: true, xid } : { committed: false }
    } catch (error) {
      if (ABORTED.has(errorCode(error) ?? '')) {
        await this.#client?.query('ROLLBACK').catch(() => {})
        return { committed: false }
      }
      this.#dropOn(error)
      return ending ? this.#askFor(xid) : { committed: false }
    }
  }

  async #run(xid: string, { statements }: Plan, atOnce: boolean): Promise<void> {
    const client = this.#client!
    const all = ['BEGIN', nameTransaction(xid), ...statements.map(({ sql }) => sql)]
    const answers: ResultSetHeader[] = []
    if (atOnce) answers.push(...(await client.query<ResultSetHeader[]>(all.join(';\n')))[0])
    else for (const sql of all) answers.push((await client.query<ResultSetHeader>(sql))[0])
    for (const [i, { sql, rows }] of statements.entries()) {
      const got = answers[i + 2]!.affectedRows
      if (rows !== undefined && rows !== got)
        throw new Error(`the oracle is wrong about its tables: ${rows} rows expected, ${got} found: ${sql}`)
    }
  }

  async #fail(): Promise<void> {
    try {
      await this.#client!.query("SIGNAL SQLSTATE '45000'")
    } catch (error) {
      if (errorCode(error) !== ON_PURPOSE) throw error
      await this.#client!.query('ROLLBACK')
    }
  }

  async #askFor(xid: string): Promise<Outcome> {
    for (;;) {
      try {
        this.#client ??= await connect(this.#url)
        const [rows] = await this.#client.query<mysql.RowDataPacket[]>(`SELECT 1 FROM ${COMMITS} WHERE xid = '${xid}'`)
        return rows.length > 0 ? { committed: true, xid } : { committed: false }
      } catch (error) {
        this.#dropOn(error)
      }
      await setTimeout(50)
    }
  }

  /** Throws what is not the end of the connection. */
  #dropOn(error: unknown): void {
    if (!isDisconnect(error)) throw error
    this.#client?.destroy()
    this.#client = undefined
  }

  async end(): Promise<void> {
    await this.#client?.end()
  }
}

async function connect(url: string): Promise<mysql.Connection> {
  const { hostname: host, port, username: user, password, pathname } = new URL(url)
  for (;;) {
    try {
      const client = await mysql.createConnection({
        host,
        port: Number(port),
        user,
        password,
        database: pathname.slice(1),
        charset: 'utf8mb4',
        multipleStatements: true,
      })
      client.on('error', () => {})
      await client.query('SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED')
      return client
    } catch (error) {
      if (!isDisconnect(error)) throw error
      await setTimeout(50)
    }
  }
}

/** The server went away, is not back yet, or says that it goes. */
function isDisconnect(error: unknown): boolean {
  const code = errorCode(error) ?? ''
  return code === '' || /^E[A-Z]+$/.test(code) || code.startsWith('PROTOCOL_') || code === 'ER_SERVER_SHUTDOWN'
}
