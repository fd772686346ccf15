import { comparePlaces, parsePlace, parsePosition } from '../../connectors/mysql/position.ts'
import { logEnd } from '../support/mysql/log-place.ts'
import type { MysqlServer } from '../support/mysql/server.ts'
import { type AckWatch, type Ground, groundFolder, type TextRow } from './ground.ts'
import { COMMITS, createMysqlTables, mysqlSql } from './mysql-tables.ts'
import { layOut, type Site } from './pipeline-process.ts'
import { columns, keyColumns, TABLES, type TableName } from './tables.ts'

/** Called as PostgreSQL's schema: the sinks then have the same names. One at a time on a server. */
export const DATABASE = 'public'
const PAGE_ROWS = 20_000
const FILL_ROWS = 1000
/** Printed in hexadecimal digits. */
const BYTES = new Set(['raw', 'id'])
const NUMBERS = new Set(['ver', 'txid', 'txn_size', 'a', 'ratio', 'flag'])

export class MysqlGround implements Ground {
  readonly server: MysqlServer
  readonly url: string
  readonly site: Site
  readonly #resources: AsyncDisposableStack

  private constructor(server: MysqlServer, url: string, site: Site, resources: AsyncDisposableStack) {
    this.server = server
    this.url = url
    this.site = site
    this.#resources = resources
  }

  /** `filled`: rows that `by_number` holds from the start. */
  static async make(server: MysqlServer, filled: number): Promise<MysqlGround> {
    await using resources = new AsyncDisposableStack()
    const folder = await groundFolder(resources)
    await server.createDatabase(DATABASE)
    resources.defer(async () => void (await server.query(`DROP DATABASE ${DATABASE}`)))
    await server.query(createMysqlTables(), DATABASE)
    await fill(server, filled)
    const url = server.url('root', DATABASE)
    const tables = [...TABLES, COMMITS].map(table => `${DATABASE}.${table}`)
    return new MysqlGround(server, url, await layOut(folder, { type: 'mysql', url, tables }), resources.move())
  }

  async head(): Promise<string> {
    const { file, at } = await logEnd(this.server)
    return `${file}:${at}`
  }

  /** Where they are in two files: one byte. */
  behind(head: string, position: string): number {
    const [end, ours] = [parsePlace(head), parsePosition(position)]
    if (end.file === ours.file) return Math.max(0, Number(end.offset - ours.offset))
    return (comparePlaces(end, ours) ?? 0) > 0 ? 1 : 0
  }

  async *rows(table: TableName): AsyncGenerator<TextRow> {
    const client = await this.server.connect({ database: DATABASE })
    const cells = columns(table).map(name => (BYTES.has(name) ? `HEX(${name}) AS ${name}` : name))
    const sql = `SELECT ${cells.join(', ')} FROM ${table} ORDER BY ${keyColumns(table).join(', ')}`
    try {
      for (let offset = 0; ; offset += PAGE_ROWS) {
        const [answer] = await client.query(`${sql} LIMIT ${offset}, ${PAGE_ROWS}`)
        const rows = answer as readonly TextRow[]
        yield* rows
        if (rows.length < PAGE_ROWS) return
      }
    } finally {
      await client.end()
    }
  }

  inFiles(table: TableName, row: TextRow): string {
    const members = Object.entries(row).map(([name, text]) => `${JSON.stringify(name)}:${jsonOf(table, name, text)}`)
    return `{${members.join(',')}}`
  }

  inRows(row: TextRow): string {
    return JSON.stringify(Object.entries(row).map(([name, text]) => (text === null ? null : cellOf(name, text))))
  }

  /** The server is not told. */
  async watch(): Promise<AckWatch> {
    return { ahead: [], samples: 0, async checkAgainst() {}, async [Symbol.asyncDispose]() {} }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#resources.disposeAsync()
  }
}

/** Rows of version 0. */
async function fill(server: MysqlServer, rows: number): Promise<void> {
  const client = await server.connect({ database: DATABASE })
  try {
    await client.query('BEGIN')
    for (let from = 0; from < rows; from += FILL_ROWS) {
      const some = Array.from({ length: Math.min(FILL_ROWS, rows - from) }, (_, i) => ({ key: from + i, ver: 0 }))
      await client.query(mysqlSql.insertRows('by_number', some, 0))
    }
    await client.query('COMMIT; ANALYZE TABLE by_number')
  } finally {
    await client.end()
  }
}

/** As the reader of the sink's file says it, which goes by PostgreSQL. */
function cellOf(name: string, text: string): string {
  if (BYTES.has(name)) return `\\x${text.toLowerCase()}`
  if (name === 'flag') return text === '1' ? 't' : 'f'
  return text
}

function jsonOf(table: TableName, name: string, text: string | null): string {
  if (text === null) return 'null'
  if (NUMBERS.has(name) || (name === 'k' && table === 'by_number')) return text
  if (BYTES.has(name)) return JSON.stringify(Buffer.from(text, 'hex').toString('base64'))
  return JSON.stringify(name === 'at' ? text.replace(' ', 'T') : text)
}
