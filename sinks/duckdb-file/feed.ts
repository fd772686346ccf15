import type { DuckDBConnection } from '@duckdb/node-api'
import type { Driver } from './driver.ts'
import { driverType, type RowSet } from './row-set.ts'

/** Rows copied in one go: a vector of DuckDB. The thread does nothing else meanwhile. */
const VECTOR_ROWS = 2048

const FUNCTION = 'tailrace_rows'

/**
 * Row sets as tables of SQL statements: DuckDB asks for their rows, a vector at a time, while the statement runs in
 * its own threads. No staging table and no appender, which would hold the thread while they copy.
 */
export class Feed {
  readonly #sets = new Map<number, RowSet>()
  #last = 0
  readonly #failures = new WeakMap<RowSet, unknown>()

  constructor(driver: Driver, connection: DuckDBConnection) {
    const { api, bindings } = driver
    connection.registerTableFunction(
      api.DuckDBTableFunction.create({
        name: FUNCTION,
        parameterTypes: [api.INTEGER],
        bindFunction: info => {
          const rows = this.#sets.get(info.getParameter(0) as number)!
          info.setBindData(rows)
          info.setCardinality(rows.rows, true)
          rows.storages.forEach((storage, i) => {
            info.addResultColumn(`c${i}`, driverType(api, storage))
          })
        },
        initFunction: info => {
          info.setMaxThreads(1)
          info.setInitData({ next: 0 })
        },
        mainFunction: (info, chunk) => {
          const scan = info.initData as { next: number }
          const rows = info.bindData as RowSet
          try {
            scan.next += rows.fill(bindings, chunk.chunk, scan.next, VECTOR_ROWS)
          } catch (error) {
            this.#failures.set(rows, error)
            info.setError('rows could not be handed over')
          }
        },
      }),
    )
  }

  /** Runs a statement over `rows`, whose columns it knows as c0, c1 and so on of the table it is given. */
  async run<T>(rows: RowSet, statement: (table: string) => Promise<T>): Promise<T> {
    const id = ++this.#last
    this.#sets.set(id, rows)
    try {
      return await statement(`${FUNCTION}(${id})`)
    } catch (error) {
      throw this.#failures.get(rows) ?? error
    } finally {
      this.#sets.delete(id)
    }
  }
}
