import type { Logger } from 'pino'
import { Bell } from '../../runtime/abort.ts'
import type { Batch, SourceIdentity, Table, UnitEnd } from '../../runtime/contract.ts'
import { TailraceError } from '../../runtime/errors.ts'
import { BatchWriter } from '../../runtime/record/writer.ts'
import type { PostgresConfig } from './config.ts'
import { postgresError } from './connection.ts'
import { HAS_DDL_TRIGGER } from './ddl-trigger.ts'
import { Keepalive } from './keepalive.ts'
import { type Resolve, Scanner } from './pgoutput.ts'
import { formatLsn } from './position.ts'
import { quoteIdentifier } from './quote.ts'
import { type Verdict, Watchdog } from './watchdog.ts'
import { type StreamReader, Wire } from './wire.ts'

export interface StreamOptions {
  readonly config: PostgresConfig
  /** How the connection is called at the server. */
  readonly name: string
  /** How the source is called. */
  readonly source: string
  readonly logger: Logger
  readonly slot: string
  readonly publications: readonly string[]
  /** What the log holds already; behind it the stream begins. */
  readonly from: bigint
  /** Every table version that the log knows. */
  readonly tables: readonly Table[]
  /** New table versions to make known in a first unit, which is appended even if there is nothing else. */
  readonly announce: readonly Table[] | undefined
  /** Stored with the first unit. */
  readonly identity: SourceIdentity
  readonly resolve: Resolve
  /** Whether the server process with this id still works on the stream. */
  readonly ask: (pid: number) => Promise<Verdict>
  /** Milliseconds of silence after which it is asked. */
  readonly silenceMs: number
  /** The stream has come to DDL; told only where an event trigger tells (ddl-trigger.ts). */
  readonly onDdl: () => void
}

/** From here on a part of a transaction is handed over, and until it is taken nothing more is read. */
const BUFFER_BYTES = 4 * 1024 * 1024
const HEARTBEAT_MS = 1000

/**
 * The change stream as units: the writer fills while the unit before is being made durable. Transactions go whole, or
 * in parts when they are larger than the buffer; idle log becomes a heartbeat.
 */
export class ChangeStream implements StreamReader {
  readonly #options: StreamOptions
  readonly #writer: BatchWriter
  readonly #bell = new Bell()
  readonly #waiting = new Set<{ readonly until: bigint }>()
  #scanner: Scanner | undefined
  #wire: Wire | undefined
  #keepalive: Keepalive | undefined
  #watchdog: Watchdog | undefined
  #failure: unknown
  #heartbeat: NodeJS.Timeout | undefined
  /** The end of the newest unit handed over, and when that was. */
  #delivered: bigint
  #deliveredAt = performance.now()
  #identityStored = false
  #durable: bigint
  /** The server has sent everything up to here. */
  #received: bigint

  constructor(options: StreamOptions) {
    this.#options = options
    this.#writer = new BatchWriter(options.tables)
    this.#delivered = options.from
    this.#received = options.from
    // At a first start nothing is durable before the first unit is.
    this.#durable = options.announce === undefined ? options.from : 0n
  }

  /** Units of lane `stream`, until `signal` aborts (then it throws its reason) or the connection fails. */
  async *batches(signal: AbortSignal): AsyncGenerator<Batch> {
    const { announce, from } = this.#options
    if (announce !== undefined) {
      for (const table of announce) this.#writer.announce(table)
      yield this.#endUnit(from)
    }
    await this.#open(signal)
    try {
      for (;;) {
        signal.throwIfAborted()
        const batch = this.#take()
        if (batch !== undefined) yield batch
        else if (this.#failure !== undefined) throw this.#failure
        else await this.#bell.wait(signal)
      }
    } finally {
      await this.#close()
    }
  }

  /** Everything before `lsn` is durable in the log; the server is told within a second. */
  ack(lsn: bigint): void {
    if (lsn <= this.#durable) return
    this.#durable = lsn
    this.#keepalive?.changed()
  }

  get durable(): bigint {
    return this.#durable
  }

  /** Until a unit reaches `until` or `signal` aborts, the server is asked often and heartbeats are not held back. */
  hasten(until: bigint, signal: AbortSignal): void {
    if (signal.aborted || this.#delivered >= until) return
    const waiting = { until }
    this.#waiting.add(waiting)
    signal.addEventListener(
      'abort',
      () => {
        this.#waiting.delete(waiting)
        this.#keepalive?.hasten(this.#waiting.size > 0)
      },
      { once: true },
    )
    this.#keepalive?.hasten(true)
    this.#bell.ring()
  }

  /** Other tables are captured now. */
  forget(): void {
    this.#scanner?.forget()
  }

  message(bytes: Buffer, at: number, end: number): boolean {
    return this.#scanner!.scan(bytes, at, end)
  }

  pending(): Promise<void> {
    return this.#scanner!.pending!
  }

  keepalive(walEnd: bigint, asked: boolean): void {
    this.#scanner!.passed(walEnd)
    if (walEnd > this.#received) this.#received = walEnd
    if (asked) this.#keepalive?.now(false)
  }

  arrived(): boolean {
    const full = this.#writer.size >= BUFFER_BYTES
    if (full || this.#writer.hasWhole) this.#bell.ring()
    else if (this.#isIdleBehind()) this.#planHeartbeat()
    return !full
  }

  ended(error: unknown): void {
    this.#failure = error
    this.#bell.ring()
  }

  async #open(signal: AbortSignal): Promise<void> {
    const { config, name, source, logger, slot, publications, from, resolve, ask, silenceMs, onDdl } = this.#options
    const wire = await Wire.open(config, name, source, signal)
    this.#wire = wire
    let settings: { timeout: string; xid: string; ddl: string }
    try {
      const { rows } = await wire.client.query<typeof settings>(SETTINGS)
      settings = rows[0]!
    } catch (error) {
      await wire.close(this.#received, this.#durable)
      throw postgresError(error, config)
    }
    this.#scanner = new Scanner({ writer: this.#writer, resolve, from, xid: BigInt(settings.xid), onDdl })
    // In replication commands a backslash is itself, and there is no other form of text.
    const names = publications.map(quoteIdentifier).join(',')
    wire.start(
      `START_REPLICATION SLOT ${quoteIdentifier(slot)} LOGICAL 0/0 (proto_version '1', publication_names '${names.replaceAll("'", "''")}'${settings.ddl === 't' ? ", messages 'true'" : ''})`,
      this,
    )
    this.#keepalive = new Keepalive(
      again => wire.sendStatus(this.#written(), this.#durable, again),
      Number(settings.timeout),
      () => wire.silence,
    )
    if (this.#waiting.size > 0) this.#keepalive.hasten(true)
    const pid = (wire.client as typeof wire.client & { processID: number }).processID
    this.#watchdog = new Watchdog({
      silence: () => wire.silence,
      limitMs: silenceMs,
      nudge: () => this.#keepalive?.now(true),
      ask: () => ask(pid),
      onBusy: silence => logger.info({ silence }, 'the server is silent but works through its log'),
      onDead: cause => this.ended(silentStream(silenceMs, cause)),
    })
  }

  async #close(): Promise<void> {
    this.#watchdog?.stop()
    this.#keepalive?.stop()
    clearTimeout(this.#heartbeat)
    await this.#wire?.close(this.#written(), this.#durable)
  }

  #written(): bigint {
    const position = this.#scanner?.position ?? 0n
    return position > this.#received ? position : this.#received
  }

  #take(): Batch | undefined {
    const writer = this.#writer
    const position = this.#scanner!.position
    let batch: Batch | undefined
    if (writer.hasWhole || this.#isHeartbeatDue()) batch = this.#endUnit(position)
    else if (writer.size >= BUFFER_BYTES && this.#failure === undefined) batch = writer.takePart()
    if (batch !== undefined && writer.size < BUFFER_BYTES) this.#wire!.resume()
    return batch
  }

  #endUnit(position: bigint): Batch {
    const end: UnitEnd = { lane: 'stream', position: formatLsn(position) }
    const batch = this.#writer.take(this.#identityStored ? end : { ...end, identity: this.#options.identity })
    this.#identityStored = true
    this.#delivered = position
    this.#deliveredAt = performance.now()
    for (const waiting of this.#waiting) if (waiting.until <= position) this.#waiting.delete(waiting)
    this.#keepalive?.hasten(this.#waiting.size > 0)
    return batch
  }

  /** Nothing is open or undelivered, and the stream stands further than the last unit says. */
  #isIdleBehind(): boolean {
    const scanner = this.#scanner!
    return !scanner.inTransaction && !this.#writer.hasWhole && scanner.position > this.#delivered
  }

  #isHeartbeatDue(): boolean {
    if (!this.#isIdleBehind()) return false
    return this.#waiting.size > 0 || performance.now() - this.#deliveredAt >= HEARTBEAT_MS
  }

  #planHeartbeat(): void {
    if (this.#isHeartbeatDue()) {
      this.#bell.ring()
      return
    }
    if (this.#heartbeat !== undefined) return
    const left = HEARTBEAT_MS - (performance.now() - this.#deliveredAt)
    this.#heartbeat = setTimeout(() => {
      this.#heartbeat = undefined
      this.#bell.ring()
    }, Math.ceil(left) + 1)
  }
}

const SETTINGS = `SELECT
  (SELECT setting FROM pg_catalog.pg_settings WHERE name = 'wal_sender_timeout') AS timeout,
  pg_catalog.pg_snapshot_xmax(pg_catalog.pg_current_snapshot()) AS xid,
  ${HAS_DDL_TRIGGER} AS ddl`

function silentStream(ms: number, cause: unknown): TailraceError {
  return new TailraceError('SOURCE_SILENT', 'retry', `The server has sent nothing for ${Math.round(ms / 1000)} s.`, {
    cause,
    hint: 'The connection is dead or the server hangs. It is opened anew; look at the network between the two.',
  })
}
