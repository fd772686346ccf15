/**
 * The package `@vlasky/zongji` as a source, used with all the care it allows: GTIDs, a reader id of its own, exact
 * values, back-pressure, a position only behind a commit. What it breaks all the same is its own. It has no first load.
 */
import type ZongJi from '@vlasky/zongji'
import type { AnyBinlogEvent, QueryEvent, RowsEvent } from '@vlasky/zongji'
import { captureTables } from '../../../connectors/mysql/catalog.ts'
import { mysqlConfig } from '../../../connectors/mysql/config.ts'
import { connectMysql, type MysqlClient } from '../../../connectors/mysql/connection.ts'
import { defaultServerId } from '../../../connectors/mysql/dump.ts'
import { parseGtidState } from '../../../connectors/mysql/gtid/mariadb-state.ts'
import { parseGtidSet } from '../../../connectors/mysql/gtid/mysql-set.ts'
import { Numbering } from '../../../connectors/mysql/numbering.ts'
import { Bell } from '../../../runtime/abort.ts'
import type {
  Batch,
  Chunk,
  LoadRequest,
  Position,
  Resume,
  Source,
  SourceHead,
  Table,
} from '../../../runtime/contract.ts'
import { errorMessage } from '../../../runtime/errors.ts'
import { BatchWriter } from '../../../runtime/record/writer.ts'
import { startZongji, stopZongji, tableOf } from './zongji-life.ts'
import { writeDeletes, writeInserts, writeUpdates } from './zongji-rows.ts'

export interface ZongjiOptions {
  readonly url: string
  readonly database: string
  /** As its README shows it: an error is noted, and reading goes on. Default: it ends the stream. */
  readonly goesOn?: boolean
}

type Write = (writer: BatchWriter, table: Table, event: { readonly rows: never[] }) => void

/** By type of event. */
const WRITERS: ReadonlyMap<string, Write> = new Map<string, Write>([
  ['WriteRows', writeInserts],
  ['UpdateRows', writeUpdates],
  ['DeleteRows', writeDeletes],
])
const PART_BYTES = 1024 * 1024
/** Batches that wait before it is told to read no further. */
const MOST_READY = 4

export class ZongjiSource implements Source {
  /** What it has reported. */
  readonly errors: string[] = []
  readonly #options: ZongjiOptions
  readonly #tables = new Map<string, Table>()
  readonly #ready: Batch[] = []
  readonly #arrived = new Bell()
  #writer = new BatchWriter()
  #zongji: ZongJi | undefined
  #isFirst = true
  #isPaused = false
  /** GTIDs: what `zongji.gtidSet` was behind the newest commit. */
  #position = ''
  #failure: unknown

  constructor(options: ZongjiOptions) {
    this.#options = options
  }

  async start(from: Resume | undefined, signal: AbortSignal): Promise<readonly LoadRequest[]> {
    const { url, database } = this.#options
    const config = mysqlConfig.parse({ url, tables: [`${database}.*`] })
    await this.#sql(signal, async client => {
      const numbering = new Numbering('app', from?.tables ?? [], undefined)
      const captured = await captureTables(client, { config, numbering, flavor: client.flavor })
      for (const { table } of captured) this.#tables.set(`${table.schema}.${table.table}`, table)
      this.#position = from?.stream ?? (await executed(client))
    })
    this.#isFirst = from?.stream === undefined
    this.#writer = new BatchWriter(from?.tables ?? [])
    return []
  }

  async *load(): AsyncGenerator<Chunk> {}

  async *changes(signal: AbortSignal): AsyncGenerator<Batch> {
    if (this.#isFirst) {
      for (const table of this.#tables.values()) this.#writer.announce(table)
      yield this.#take()
    }
    const { url, database } = this.#options
    this.#zongji = startZongji({
      url,
      database,
      gtids: this.#position,
      serverId: defaultServerId(`zongji ${database}`),
      handle: event => this.#handle(event),
      failed: error => this.#fail(error),
    })
    for (;;) {
      const arrived = this.#arrived.wait(signal)
      const batch = this.#ready.shift()
      if (batch === undefined) {
        if (this.#failure !== undefined) throw this.#failure
        await arrived
        continue
      }
      arrived.catch(() => {})
      yield batch
      if (this.#isPaused && this.#ready.length < MOST_READY) {
        this.#isPaused = false
        this.#zongji.connection?.resume()
      }
    }
  }

  #handle(event: AnyBinlogEvent): void {
    try {
      this.#write(event)
    } catch (error) {
      this.#fail(error)
    }
    if (this.#ready.length > 0) this.#arrived.ring()
    if (this.#ready.length < MOST_READY || this.#isPaused) return
    this.#isPaused = true
    this.#zongji?.connection?.pause()
  }

  #write(event: AnyBinlogEvent): void {
    const type = event.getTypeName()
    if (type === 'Xid' || (type === 'Query' && (event as QueryEvent).query === 'COMMIT')) this.#commit()
    const write = WRITERS.get(type)
    if (write === undefined) return
    this.#begin(event)
    const rows = event as RowsEvent & { readonly rows: never[] }
    const table = this.#tables.get(tableOf(rows))!
    if (!this.#writer.registry.has(table.id)) this.#writer.announce(table)
    write(this.#writer, table, rows)
  }

  #begin({ gtid, timestamp, nextPosition }: AnyBinlogEvent): void {
    if (this.#writer.inTransaction) {
      if (this.#writer.size > PART_BYTES) this.#ready.push(this.#writer.takePart())
      return
    }
    this.#writer.begin(gtid ?? '', String(nextPosition), BigInt(timestamp) * 1000n)
  }

  #commit(): void {
    if (this.#writer.inTransaction) this.#writer.commit()
    this.#position = this.#zongji?.gtidSet ?? this.#position
    this.#ready.push(this.#take())
  }

  #take(): Batch {
    return this.#writer.take({ lane: 'stream', position: this.#position as Position })
  }

  #fail(error: unknown): void {
    this.errors.push(errorMessage(error))
    if (this.#options.goesOn !== true) this.#failure ??= error
    this.#arrived.ring()
  }

  sees(): boolean {
    return false
  }

  /** The server keeps its log by time. */
  ack(): void {}

  async head(signal: AbortSignal): Promise<SourceHead> {
    const position = (await this.#sql(signal, executed)) as Position
    return { position, lagBytes: null, retained: { bytes: null, limitBytes: null, fullInSeconds: null } }
  }

  /** The server sends what there is at once. */
  hasten(): void {}

  covers(a: Position, b: Position): boolean {
    return a.includes(':') ? parseGtidSet(a).includes(parseGtidSet(b)) : parseGtidState(a).includes(parseGtidState(b))
  }

  async #sql<T>(signal: AbortSignal, work: (client: MysqlClient) => Promise<T>): Promise<T> {
    const client = await connectMysql(this.#options, 'peer', signal)
    return await work(client).finally(() => client.destroy())
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#zongji !== undefined) await stopZongji(this.#zongji)
  }
}

/** Everything that the server has committed, as GTIDs of its kind. */
export async function executed(client: MysqlClient): Promise<string> {
  const [row] = await client.query(`SELECT @@GLOBAL.${client.flavor === 'mysql' ? 'gtid_executed' : 'gtid_binlog_pos'}`)
  return (row?.[0] ?? '').replaceAll(/\s/g, '')
}
