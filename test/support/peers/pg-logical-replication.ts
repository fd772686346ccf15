/**
 * The package `pg-logical-replication` as a source, used with all the care it allows: flow control, acknowledgements by
 * hand, no timer, and only once a change is durable. What it breaks all the same is its own. It has no first load.
 */

import type pg from 'pg'
import { LogicalReplicationService, type Pgoutput, PgoutputPlugin } from 'pg-logical-replication'
import { captureTables } from '../../../connectors/postgres/catalog.ts'
import { postgresConfig } from '../../../connectors/postgres/config.ts'
import { connectSql } from '../../../connectors/postgres/connection.ts'
import { formatLsn, parseLsn, roundInsertLsn } from '../../../connectors/postgres/position.ts'
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
import { BatchWriter } from '../../../runtime/record/writer.ts'
import { until } from '../until.ts'
import { writeDelete, writeInsert, writeUpdate } from './peer-rows.ts'

export interface PeerOptions {
  readonly url: string
  readonly slot: string
  /** The package's own; default: none. */
  readonly timeoutSeconds?: number
}

const PUBLICATION = 'peer'
const PART_BYTES = 1024 * 1024
const ASK_MS = 20

/** Counts what has come in: with flow control the service itself hides what it has queued. */
class CountingPlugin extends PgoutputPlugin {
  received = 0

  override parse(bytes: Buffer): Pgoutput.Message {
    this.received++
    return super.parse(bytes)
  }
}

export class PeerSource implements Source {
  readonly #options: PeerOptions
  readonly #service: LogicalReplicationService
  readonly #plugin = new CountingPlugin({ protoVersion: 1, publicationNames: [PUBLICATION] })
  readonly #arrived = new Bell()
  readonly #taken = new Bell()
  readonly #ready: Batch[] = []
  readonly #tables = new Map<string, Table>()
  readonly #stop = new AbortController()
  #writer = new BatchWriter()
  #isFirst = true
  #handled = 0
  #position = 0n
  #acknowledged = 0n
  #hastened = 0n
  #failure: unknown

  constructor(options: PeerOptions) {
    this.#options = options
    const { url, timeoutSeconds = 0 } = options
    this.#service = new LogicalReplicationService(
      { connectionString: url },
      { acknowledge: { auto: false, timeoutSeconds }, flowControl: { enabled: true } },
    )
  }

  async start(from: Resume | undefined, signal: AbortSignal): Promise<readonly LoadRequest[]> {
    await this.#sql(signal, async sql => {
      const config = postgresConfig.parse({ url: this.#options.url, tables: ['public.*'] })
      const captured = await captureTables(sql, 'app', config, from?.tables ?? [])
      for (const { table } of captured) this.#tables.set(`${table.schema}.${table.table}`, table)
      await until(async () => !(await this.#slotIsActive(sql)), 'the slot is free')
      this.#position = from?.stream === undefined ? await this.#makeSlot(sql) : parseLsn(from.stream)
    })
    this.#isFirst = from?.stream === undefined
    this.#acknowledged = this.#position
    this.#writer = new BatchWriter(from?.tables ?? [])
    return []
  }

  async #slotIsActive(sql: pg.Client): Promise<boolean> {
    const text = 'SELECT FROM pg_replication_slots WHERE slot_name = $1 AND active'
    return (await sql.query(text, [this.#options.slot])).rowCount === 1
  }

  async #makeSlot(sql: pg.Client): Promise<bigint> {
    const { slot } = this.#options
    await sql.query('SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = $1', [slot])
    await sql.query(`DROP PUBLICATION IF EXISTS ${PUBLICATION}`)
    await sql.query(`CREATE PUBLICATION ${PUBLICATION} FOR ALL TABLES`)
    const text = "SELECT lsn::text FROM pg_create_logical_replication_slot($1, 'pgoutput')"
    return parseLsn((await sql.query<{ lsn: string }>(text, [slot])).rows[0]!.lsn)
  }

  async *load(): AsyncGenerator<Chunk> {}

  async *changes(signal: AbortSignal): AsyncGenerator<Batch> {
    if (this.#isFirst) {
      for (const table of this.#tables.values()) this.#writer.announce(table)
      yield this.#writer.take({ lane: 'stream', position: formatLsn(this.#position) })
    }
    const either = AbortSignal.any([signal, this.#stop.signal])
    this.#service.on('data', (_, message: Pgoutput.Message) => this.#handle(message, either))
    this.#service.on('heartbeat', lsn => this.#onHeartbeat(parseLsn(lsn)))
    this.#service.on('error', error => this.#fail(error))
    // Settles when the stream ends, for which there is an event of its own.
    this.#service
      .subscribe(this.#plugin, this.#options.slot, formatLsn(this.#position))
      .catch((error: unknown) => this.#fail(error))
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
      this.#taken.ring()
    }
  }

  /** Resolves when the batch that it completes has been taken: flow control then lets the next message in. */
  async #handle(message: Pgoutput.Message, signal: AbortSignal): Promise<void> {
    try {
      this.#write(message)
      if (message.tag === 'commit') {
        this.#position = parseLsn(message.commitEndLsn!)
        this.#ready.push(this.#writer.take({ lane: 'stream', position: formatLsn(this.#position) }))
      } else if (this.#writer.size > PART_BYTES) this.#ready.push(this.#writer.takePart())
      while (this.#ready.length > 0 && !signal.aborted) {
        this.#arrived.ring()
        await this.#taken.wait(signal).catch(() => {})
      }
      this.#handled++
    } catch (error) {
      this.#fail(error)
    }
  }

  #write(message: Pgoutput.Message): void {
    const writer = this.#writer
    const tableOf = ({ schema, name }: Pgoutput.MessageRelation): Table => this.#tables.get(`${schema}.${name}`)!
    if (message.tag === 'begin')
      writer.begin(
        String(message.xid >>> 0),
        formatLsn(parseLsn(message.commitLsn!)),
        BigInt(message.commitTime.toString()),
      )
    else if (message.tag === 'insert') writeInsert(writer, tableOf(message.relation), message)
    else if (message.tag === 'update') writeUpdate(writer, tableOf(message.relation), message)
    else if (message.tag === 'delete') writeDelete(writer, tableOf(message.relation), message)
    else if (message.tag === 'truncate') for (const relation of message.relations) writer.truncate(tableOf(relation))
    else if (message.tag === 'commit') writer.commit()
  }

  /** Nothing of what came before it is still queued: then its position can be trusted. */
  #onHeartbeat(lsn: bigint): void {
    const isIdle = this.#plugin.received === this.#handled && this.#ready.length === 0
    if (!isIdle || lsn <= this.#position || lsn > this.#hastened + BigInt(PART_BYTES)) return
    this.#position = lsn
    this.#ready.push(this.#writer.take({ lane: 'stream', position: formatLsn(lsn) }))
    this.#arrived.ring()
  }

  #fail(error: unknown): void {
    this.#failure ??= error
    this.#arrived.ring()
  }

  sees(): boolean {
    return false
  }

  ack(position: Position): void {
    this.#acknowledged = parseLsn(position)
    void this.#service.acknowledge(position)
  }

  head(signal: AbortSignal): Promise<SourceHead> {
    return this.#sql(signal, async sql => {
      const { rows } = await sql.query<{ lsn: string }>('SELECT pg_current_wal_insert_lsn()::text AS lsn')
      const position = formatLsn(roundInsertLsn(parseLsn(rows[0]!.lsn), 8192n, 16n * 1024n * 1024n))
      return { position, lagBytes: null, retained: { bytes: null, limitBytes: null, fullInSeconds: null } }
    })
  }

  /** Its only way to ask is to acknowledge. */
  hasten(position: Position, signal: AbortSignal): void {
    const until = parseLsn(position)
    this.#hastened = until
    const timer = setInterval(() => {
      if (signal.aborted || this.#stop.signal.aborted || this.#position >= until) clearInterval(timer)
      else void this.#service.acknowledge(formatLsn(this.#acknowledged), true)
    }, ASK_MS)
  }

  covers(a: Position, b: Position): boolean {
    return parseLsn(a) >= parseLsn(b)
  }

  async #sql<T>(signal: AbortSignal, work: (sql: pg.Client) => Promise<T>): Promise<T> {
    const sql = await connectSql(postgresConfig.parse({ url: this.#options.url, tables: ['*.*'] }), 'peer', signal)
    return await work(sql).finally(() => sql.end())
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort()
    await this.#service.destroy()
  }
}
