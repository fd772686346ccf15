/** Tables whose key is of one type each, read as loads beside the stream read them, page by page. */
import { type Captured, captureTables } from '../../../connectors/mysql/catalog.ts'
import { mysqlConfig } from '../../../connectors/mysql/config.ts'
import { connectMysql } from '../../../connectors/mysql/connection.ts'
import { LoadLane } from '../../../connectors/mysql/load-lane.ts'
import { formatLoadState, parseLoadState, type Segment } from '../../../connectors/mysql/load-state.ts'
import { Numbering } from '../../../connectors/mysql/numbering.ts'
import { QueryWire } from '../../../connectors/mysql/query-wire.ts'
import { Charsets } from '../../../connectors/mysql/values/charsets.ts'
import { chooseWalk } from '../../../connectors/mysql/walk.ts'
import type { LoadRequest } from '../../../runtime/contract.ts'
import type { Flavor } from './releases.ts'
import type { MysqlOptions } from './source-run.ts'

/** A row that came: its key in canonical bytes, and its cells as text. */
export interface KeyedRow {
  readonly key: Uint8Array
  readonly texts: readonly (string | null)[]
}

export class KeyedTables implements AsyncDisposable {
  readonly tables: readonly Captured[]
  readonly #options: MysqlOptions
  readonly #charsets: Charsets
  readonly #wire: QueryWire

  private constructor(options: MysqlOptions, tables: readonly Captured[], charsets: Charsets, wire: QueryWire) {
    this.#options = options
    this.tables = tables
    this.#charsets = charsets
    this.#wire = wire
  }

  static async open(options: MysqlOptions, flavor: Flavor): Promise<KeyedTables> {
    const signal = AbortSignal.timeout(120_000)
    const config = mysqlConfig.parse(options)
    const client = await connectMysql(config, 'tailrace keys', signal)
    try {
      const tables = await captureTables(client, { config, numbering: new Numbering('app', [], undefined), flavor })
      const charsets = await Charsets.load(flavor, sql => client.query(sql))
      const names = tables.flatMap(({ definition }) => definition.columns.flatMap(({ charset }) => charset ?? []))
      await charsets.prepare(names)
      return new KeyedTables(options, tables, charsets, await QueryWire.open(config, 'tailrace keys', signal))
    } finally {
      client.destroy()
    }
  }

  /** The rows of the scope, asked for so many at a time; a whole table as by a new process for each page. */
  async read(captured: Captured, scope: LoadRequest['scope'], pageRows: number): Promise<KeyedRow[]> {
    const rows: KeyedRow[] = []
    let left: readonly Segment[] | undefined
    let { walk, wanted } = chooseWalk(captured, scope, left)
    for (let pages = 0; ; pages++) {
      if (pages > 1000) throw new Error(`reading ${captured.relation} does not end`)
      const sql = walk.query(pageRows)
      if (sql === undefined) return rows
      const lane = new LoadLane({
        captured,
        charsets: this.#charsets,
        registry: new Map([[captured.table.id, captured.table]]),
        maxValueBytes: mysqlConfig.parse(this.#options).maxValueBytes,
        ...(wanted === undefined ? {} : { wanted }),
      })
      lane.units.announce([captured.table])
      lane.units.under('{}' as never, 0n)
      await this.#wire.rows(sql, lane)
      walk.passed(lane.came < pageRows ? undefined : lane.lastKey)
      walk.keep()
      const end = { done: false, rows: 0, totalRows: null, state: '' }
      for (const change of lane.units.take(end))
        if (change.kind === 'r')
          rows.push({
            key: Uint8Array.from(change.key),
            texts: captured.table.columns.map((_, i) => change.text(i)),
          })
      if (scope.kind !== 'all') continue
      left = parseLoadState(formatLoadState({ table: captured.table.id, left: walk.left()! }))!.left
      walk = chooseWalk(captured, scope, left).walk
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#wire.destroy()
  }
}
