/** A source over a database of three tables, `t`, `s` and `marks`, with a folder for what XA transactions have prepared. */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parsePosition } from '../../../connectors/mysql/position.ts'
import type { MysqlSource } from '../../../connectors/mysql/source.ts'
import type { SourceRig } from '../source-rig.ts'
import type { MysqlServer } from './server.ts'
import { mysqlRig } from './source.ts'

const TIMEOUT_MS = 20_000

/** Statements of one XA transaction up to its PREPARE. */
export function prepare(xid: string, ...statements: string[]): string {
  return [`XA START ${xid}`, ...statements, `XA END ${xid}`, `XA PREPARE ${xid}`].join('; ')
}

export class XaRig implements Disposable {
  readonly rig: SourceRig<MysqlSource>
  readonly #server: MysqlServer
  readonly #database: string
  readonly #folder: string
  #lastMark = 0

  private constructor(server: MysqlServer, database: string, folder: string) {
    this.#server = server
    this.#database = database
    this.#folder = folder
    this.rig = mysqlRig(server, database, { folder })
  }

  static async make(server: MysqlServer): Promise<XaRig> {
    const database = await server.createDatabase()
    await server.query(
      `CREATE TABLE t (id int PRIMARY KEY, v varchar(20)); CREATE TABLE s (id int PRIMARY KEY, b longblob);
       CREATE TABLE marks (id int PRIMARY KEY)`,
      database,
    )
    return new XaRig(server, database, mkdtempSync(join(tmpdir(), 'tailrace-xa-')))
  }

  get database(): string {
    return this.#database
  }

  /** Statements at the server, on a connection of their own. */
  async run(sql: string): Promise<void> {
    await this.#server.query(sql, this.#database)
  }

  /** Paths of the files that hold what is prepared. */
  get files(): string[] {
    const place = join(this.#folder, 'xa')
    try {
      return readdirSync(place).map(name => join(place, name))
    } catch {
      return []
    }
  }

  /** Rows of the stream but those of `marks`, without the names of source and database. */
  get rows(): string[] {
    const texts = this.rig.log.texts.filter(text => !text.includes('.marks '))
    return texts.map(text => text.replace(`app.${this.#database}.`, ''))
  }

  /** What the durable position has as prepared: xids. */
  get open(): string[] {
    return parsePosition(this.rig.log.position!).prepared.map(name => name.split(' ')[0]!)
  }

  /** Streams until all that was committed by now is in the log. */
  async follow(options: { ack?: boolean } = {}): Promise<void> {
    const mark = await this.#mark()
    await this.rig.run(() => this.rig.log.texts.some(text => text.includes(`.marks [${mark}]`)), options)
  }

  /** Streams as far, or to its first unit, and the log gets nothing of it: as a crash before the unit is durable. */
  async followInVain(isWhole: boolean): Promise<void> {
    const mark = String(await this.#mark())
    await using source = this.rig.open()
    const signal = AbortSignal.timeout(TIMEOUT_MS)
    await source.start(this.rig.log.resume(), signal)
    for await (const batch of source.changes(signal)) {
      const isThere = [...batch].some(one => one.kind === 'c' && one.table.table === 'marks' && one.text(0) === mark)
      if (!isWhole || isThere) return
    }
  }

  async #mark(): Promise<number> {
    const id = ++this.#lastMark
    await this.run(`INSERT INTO marks VALUES (${id})`)
    return id
  }

  [Symbol.dispose](): void {
    rmSync(this.#folder, { recursive: true, force: true })
  }
}
