import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type pg from 'pg'
import postgres from '../../connectors/postgres.ts'
import type { Cursor, LoggedChange, SourceLog } from '../../runtime/contract.ts'
import { INDEX_FOLDER } from '../../runtime/log/embedded/key-index/opening.ts'
import embedded from '../../runtime/log/embedded.ts'
import { createLogger } from '../../runtime/logger.ts'
import { keyText } from '../../runtime/record/key.ts'
import { CellTag } from '../../runtime/record/layout.ts'
import { SourcePart } from '../../runtime/source-part.ts'
import type { Random } from '../crash/random.ts'
import type { PostgresServer } from './postgres.ts'
import { WIDE_TABLES, WideWriter, wideSchema } from './wide-tables.ts'

const TIMEOUT_MS = 60_000

interface NewestRow {
  readonly ver: bigint
  /** Where a cell was absent, what the row had there before, as a sink has it then. */
  readonly texts: readonly (string | null)[]
  readonly isWhole: boolean
}

/**
 * Random histories at a real server, through a source with its log; after each the log must hold every row of the tables
 * as it is, whole.
 */
export class CompletionHistories implements AsyncDisposable {
  readonly figures = { histories: 0, records: 0, restarts: 0, rebuilds: 0, huge: 0 }
  readonly #url: string
  readonly #client: pg.Client
  readonly #writer: WideWriter
  readonly #random: Random
  readonly #folder: string
  #log: SourceLog
  #part: SourcePart
  #read: Cursor | 'start' = 'start'
  /** By table and key. */
  readonly #newest = new Map<string, Map<string, NewestRow>>()
  /** Greatest `ver` that a key has had. */
  readonly #versions = new Map<string, bigint>()

  private constructor(url: string, client: pg.Client, random: Random, folder: string, log: SourceLog) {
    this.#url = url
    this.#client = client
    this.#random = random
    this.#writer = new WideWriter(client, random)
    this.#folder = folder
    this.#log = log
    this.#part = this.#startPart()
  }

  static async open(server: PostgresServer, random: Random): Promise<CompletionHistories> {
    const url = await server.createDatabase()
    const client = await server.connect(new URL(url).pathname.slice(1))
    await client.query(wideSchema())
    const folder = await mkdtemp(join(tmpdir(), 'tailrace-histories-'))
    return new CompletionHistories(url, client, random, folder, await openLog(folder))
  }

  /** A few transactions, now and then with a stop in between; then log and tables are compared. */
  async history(): Promise<void> {
    const random = this.#random
    for (let transactions = random.between(1, 6); transactions > 0; transactions--) {
      const isHuge = random.chance(0.01)
      if (isHuge) this.figures.huge++
      await this.#writer.transaction(isHuge)
      if (random.chance(0.03)) await this.#restart()
    }
    await this.#follow(await this.#part.reached(AbortSignal.timeout(TIMEOUT_MS)))
    await this.#mended()
    await this.#compare()
    this.figures.histories++
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#part.supervisor.stop()
    await this.#log[Symbol.asyncDispose]()
    await postgres.destroy(this.#options(), this.#context(), AbortSignal.timeout(TIMEOUT_MS))
    await this.#client.end()
    await rm(this.#folder, { recursive: true, force: true })
  }

  /** Source and log, sometimes also without the index. */
  async #restart(): Promise<void> {
    this.figures.restarts++
    await this.#part.supervisor.stop()
    await this.#log[Symbol.asyncDispose]()
    if (this.#random.chance(0.3)) {
      this.figures.rebuilds++
      await rm(join(this.#folder, INDEX_FOLDER), { recursive: true })
    }
    this.#log = await openLog(this.#folder)
    this.#part = this.#startPart()
  }

  #startPart(): SourcePart {
    const config = { name: 'app', plugin: postgres, options: this.#options() }
    const part = new SourcePart(config, this.#log, { ...this.#context(), folder: this.#folder })
    part.supervisor.start(false)
    return part
  }

  #options(): ReturnType<typeof postgres.config.parse> {
    return postgres.config.parse({ url: this.#url, tables: ['public.*'] })
  }

  #context() {
    const pipeline = new URL(this.#url).pathname.slice(1)
    return { pipeline, name: 'app', logger: createLogger('silent'), folder: this.#folder }
  }

  /** Takes over what the log has got since. */
  async #follow(until: Cursor): Promise<void> {
    const signal = AbortSignal.timeout(TIMEOUT_MS)
    if (this.#read === until) return
    for await (const batch of this.#log.read(this.#read, () => true, signal)) {
      for (const change of batch) this.#take(change)
      this.#read = batch.cursor
      if (this.#log.compare(batch.cursor, until) !== 'before') return
    }
  }

  #take(change: LoggedChange): void {
    const { kind, table } = change
    if (kind === 's') return
    this.figures.records++
    let rows = this.#newest.get(table.table)
    if (rows === undefined) {
      rows = new Map()
      this.#newest.set(table.table, rows)
    }
    if (kind === 't') {
      rows.clear()
      return
    }
    const key = keyText(change.key)
    if (kind === 'd') {
      rows.delete(key)
      return
    }
    const former = rows.get(key)
    const texts = table.columns.map((_, i) =>
      change.tag(i) === CellTag.absent ? (former?.texts[i] ?? null) : change.text(i),
    )
    const ver = BigInt(texts[table.columns.findIndex(({ name }) => name === 'ver')]!)
    const name = `${table.table} ${key}`
    const known = this.#versions.get(name) ?? 0n
    // Rows are read again, and those that lacked cells are completed.
    if (ver < known || (ver === known && kind !== 'r' && former?.isWhole !== false))
      throw new Error(`${name} goes back to version ${ver}`)
    this.#versions.set(name, ver)
    rows.set(key, { ver, texts, isWhole: change.complete })
  }

  /**
   * While a table is read again (a truncate looks like a rewrite from outside) nothing is completed from what the log had
   * before: such rows get their cells by that reading.
   */
  async #mended(): Promise<void> {
    const signal = AbortSignal.timeout(TIMEOUT_MS)
    const isWhole = (): boolean =>
      [...this.#newest.values()].every(rows => [...rows.values()].every(row => row.isWhole))
    while (!isWhole()) await this.#follow(await this.#part.reached(signal))
  }

  async #compare(): Promise<void> {
    for (const { name } of WIDE_TABLES) {
      const { rows } = await this.#client.query<Record<string, string | null>>(`SELECT * FROM ${name}`)
      const wanted = rows.map(row => JSON.stringify(Object.values(row))).toSorted()
      const found = [...(this.#newest.get(name)?.values() ?? [])].map(({ texts }) => JSON.stringify(texts)).toSorted()
      const place = Array.from({ length: Math.max(wanted.length, found.length) }).findIndex(
        (_, i) => wanted[i] !== found[i],
      )
      if (place !== -1)
        throw new Error(
          `${name}: the log has ${found[place]?.slice(0, 300)} instead of ${wanted[place]?.slice(0, 300)}`,
        )
    }
  }
}

function openLog(folder: string): Promise<SourceLog> {
  const context = { pipeline: 'p', name: 'app', logger: createLogger('silent'), folder }
  return embedded.open(embedded.config.parse({ path: folder, segmentBytes: '16MB' }), context)
}
