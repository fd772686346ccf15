import { setTimeout } from 'node:timers/promises'
import pg from 'pg'
import { errorCode } from '../../runtime/errors.ts'
import type { Plan } from './plan.ts'
import type { Random } from './random.ts'

/** SQLSTATE of the error that a plan raises on purpose. */
const ON_PURPOSE = '22012'

export type Outcome = { readonly committed: true; readonly xid: string } | { readonly committed: false }

/** One connection that carries out plans. It outlives a server that is killed: what became of a commit is asked for. */
export class PlanConnection {
  readonly #url: string
  #client: pg.Client | undefined

  constructor(url: string) {
    this.#url = url
  }

  /** In one round trip or statement by statement, so that transactions of several connections interleave. */
  async execute(plan: Plan, random: Random): Promise<Outcome> {
    let xid: string | undefined
    let ending = false
    try {
      this.#client ??= await connect(this.#url)
      xid = random.chance(0.7) ? await this.#atOnce(plan) : await this.#inSteps(plan)
      if (plan.ending === 'error') {
        await this.#fail()
        return { committed: false }
      }
      ending = plan.ending === 'commit'
      await this.#client.query(ending ? 'COMMIT' : 'ROLLBACK')
      return ending ? { committed: true, xid } : { committed: false }
    } catch (error) {
      if (!isDisconnect(error)) throw error
      this.#client = undefined
      return ending && xid !== undefined ? this.#askFor(xid) : { committed: false }
    }
  }

  async #atOnce(plan: Plan): Promise<string> {
    const body = plan.statements.map(({ sql }) => `${sql};`).join('\n')
    const results = await this.#query(`BEGIN;\n${body}\nSELECT pg_current_xact_id()::text AS xid`)
    const counted = results.filter(({ command }) => ['INSERT', 'UPDATE', 'DELETE'].includes(command))
    const wanted = plan.statements.filter(({ rows }) => rows !== undefined)
    for (const [i, { sql, rows }] of wanted.entries()) demand(sql, rows, counted[i]?.rowCount)
    return results.at(-1)!.rows[0]!.xid
  }

  async #inSteps(plan: Plan): Promise<string> {
    await this.#query('BEGIN')
    for (const { sql, rows } of plan.statements) {
      const result = (await this.#query(sql)).at(-1)
      if (rows !== undefined) demand(sql, rows, result?.rowCount)
    }
    return (await this.#query('SELECT pg_current_xact_id()::text AS xid'))[0]!.rows[0]!.xid
  }

  async #query(sql: string): Promise<pg.QueryResult<{ xid: string }>[]> {
    const result: pg.QueryResult<{ xid: string }> | pg.QueryResult<{ xid: string }>[] = await this.#client!.query(sql)
    return Array.isArray(result) ? result : [result]
  }

  async #fail(): Promise<void> {
    try {
      await this.#client!.query('SELECT 1 / 0')
    } catch (error) {
      if (errorCode(error) !== ON_PURPOSE) throw error
      await this.#client!.query('ROLLBACK')
    }
  }

  async #askFor(xid: string): Promise<Outcome> {
    for (;;) {
      try {
        this.#client ??= await connect(this.#url)
        const { rows } = await this.#client.query('SELECT pg_xact_status($1::xid8) AS status', [xid])
        if (rows[0].status === 'committed') return { committed: true, xid }
        if (rows[0].status === 'aborted') return { committed: false }
      } catch (error) {
        if (!isDisconnect(error)) throw error
        this.#client = undefined
      }
      await setTimeout(50)
    }
  }

  async end(): Promise<void> {
    await this.#client?.end()
  }
}

async function connect(url: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url, application_name: 'oracle writer' })
  client.on('error', () => {})
  for (;;) {
    try {
      await client.connect()
      return client
    } catch (error) {
      if (!isDisconnect(error)) throw error
      await setTimeout(50)
      return connect(url)
    }
  }
}

/** The server went away or is not back yet: class 57P of its own errors, or no SQLSTATE at all. */
function isDisconnect(error: unknown): boolean {
  const code = errorCode(error)
  return code === undefined || code.startsWith('57P') || /^E[A-Z]/.test(code)
}

function demand(sql: string, wanted: number | undefined, got: number | null | undefined): void {
  if (wanted === got) return
  throw new Error(`the oracle is wrong about its tables: ${wanted} rows expected, ${got} found: ${sql}`)
}
