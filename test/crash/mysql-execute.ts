import { randomUUID } from 'node:crypto'
import mysql, { type ResultSetHeader } from 'mysql2/promise'
import { errorCode } from '../../runtime/errors.ts'
import { demandRows, type PlanDatabase } from './execute.ts'
import { COMMITS, nameTransaction } from './mysql-tables.ts'
import type { Plan } from './plan.ts'

const ABORTED = new Set(['ER_LOCK_DEADLOCK', 'ER_LOCK_WAIT_TIMEOUT'])

/** A transaction's number is the name of its row in COMMITS. */
export class MysqlPlans implements PlanDatabase<mysql.Connection> {
  readonly failing = { sql: "SIGNAL SQLSTATE '45000'", code: 'ER_SIGNAL_EXCEPTION' }
  readonly #url: string

  constructor(url: string) {
    this.#url = url
  }

  async connect(): Promise<mysql.Connection> {
    const { hostname: host, port, username: user, password, pathname } = new URL(this.#url)
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
  }

  async run(client: mysql.Connection, { statements }: Plan, atOnce: boolean): Promise<string> {
    const xid = randomUUID()
    const all = ['BEGIN', nameTransaction(xid), ...statements.map(({ sql }) => sql)]
    const answers: ResultSetHeader[] = []
    if (atOnce) answers.push(...(await client.query<ResultSetHeader[]>(all.join(';\n')))[0])
    else for (const sql of all) answers.push((await client.query<ResultSetHeader>(sql))[0])
    for (const [i, { sql, rows }] of statements.entries()) demandRows(sql, rows, answers[i + 2]!.affectedRows)
    return xid
  }

  query(client: mysql.Connection, sql: string): Promise<unknown> {
    return client.query(sql)
  }

  async fate(client: mysql.Connection, xid: string): Promise<'committed' | 'aborted'> {
    const [rows] = await client.query<mysql.RowDataPacket[]>(`SELECT 1 FROM ${COMMITS} WHERE xid = '${xid}'`)
    return rows.length > 0 ? 'committed' : 'aborted'
  }

  isDisconnect(error: unknown): boolean {
    const code = errorCode(error) ?? ''
    return code === '' || /^E[A-Z]+$/.test(code) || code.startsWith('PROTOCOL_') || code === 'ER_SERVER_SHUTDOWN'
  }

  isAborted(error: unknown): boolean {
    return ABORTED.has(errorCode(error) ?? '')
  }

  drop(client: mysql.Connection): void {
    client.destroy()
  }

  end(client: mysql.Connection): Promise<void> {
    return client.end()
  }
}
