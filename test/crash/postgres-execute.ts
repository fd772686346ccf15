import pg from 'pg'
import { errorCode } from '../../runtime/errors.ts'
import { demandRows, type PlanDatabase } from './execute.ts'
import type { Plan } from './plan.ts'

type Result = pg.QueryResult<{ xid: string }>

const XID = 'SELECT pg_current_xact_id()::text AS xid'

export class PostgresPlans implements PlanDatabase<pg.Client> {
  readonly failing = { sql: 'SELECT 1 / 0', code: '22012' }
  readonly #url: string

  constructor(url: string) {
    this.#url = url
  }

  async connect(): Promise<pg.Client> {
    const client = new pg.Client({ connectionString: this.#url, application_name: 'oracle writer' })
    client.on('error', () => {})
    await client.connect()
    return client
  }

  run(client: pg.Client, plan: Plan, atOnce: boolean): Promise<string> {
    return atOnce ? this.#atOnce(client, plan) : this.#inSteps(client, plan)
  }

  async #atOnce(client: pg.Client, plan: Plan): Promise<string> {
    const body = plan.statements.map(({ sql }) => `${sql};`).join('\n')
    const results = await this.query(client, `BEGIN;\n${body}\n${XID}`)
    const counted = results.filter(({ command }) => ['INSERT', 'UPDATE', 'DELETE'].includes(command))
    const wanted = plan.statements.filter(({ rows }) => rows !== undefined)
    for (const [i, { sql, rows }] of wanted.entries()) demandRows(sql, rows, counted[i]?.rowCount)
    return results.at(-1)!.rows[0]!.xid
  }

  async #inSteps(client: pg.Client, plan: Plan): Promise<string> {
    await this.query(client, 'BEGIN')
    for (const { sql, rows } of plan.statements) demandRows(sql, rows, (await this.query(client, sql)).at(-1)?.rowCount)
    return (await this.query(client, XID))[0]!.rows[0]!.xid
  }

  async query(client: pg.Client, sql: string): Promise<Result[]> {
    const result: Result | Result[] = await client.query(sql)
    return Array.isArray(result) ? result : [result]
  }

  async fate(client: pg.Client, xid: string): Promise<'committed' | 'aborted' | 'unknown'> {
    const { rows } = await client.query('SELECT pg_xact_status($1::xid8) AS status', [xid])
    const { status } = rows[0]
    return status === 'committed' || status === 'aborted' ? status : 'unknown'
  }

  /** Class 57P of its own errors, or no SQLSTATE at all. */
  isDisconnect(error: unknown): boolean {
    const code = errorCode(error)
    return code === undefined || code.startsWith('57P') || /^E[A-Z]/.test(code)
  }

  isAborted(): boolean {
    return false
  }

  drop(): void {}

  end(client: pg.Client): Promise<void> {
    return client.end()
  }
}
