import type { Logger } from 'pino'
import { TailraceError } from '../../runtime/errors.ts'
import type { EventNumbers } from '../common/event-tables.ts'
import { warnOnce } from '../common/outbox-update.ts'
import type { Feed, UnitStream } from '../common/unit-stream.ts'
import type { PostgresConfig } from './config.ts'
import { postgresError } from './connection.ts'
import { HAS_DDL_TRIGGER } from './ddl-trigger.ts'
import { Keepalive } from './keepalive.ts'
import { Messages } from './messages.ts'
import { type Resolve, Scanner } from './pgoutput.ts'
import { quoteIdentifier } from './quote.ts'
import { type Verdict, Watchdog } from './watchdog.ts'
import { type StreamReader, Wire } from './wire.ts'

export interface FeedOptions {
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
  readonly resolve: Resolve
  /** Whether the server process with this id still works on the stream. */
  readonly ask: (pid: number) => Promise<Verdict>
  /** Milliseconds of silence after which it is asked. */
  readonly silenceMs: number
  /** The stream has come to DDL; told only where an event trigger tells (ddl-trigger.ts). */
  readonly onDdl: () => void
  /** Numbers the tables of messages. */
  readonly events: EventNumbers
}

/** One connection to a slot: what it sends goes through the scanner into the units, what is durable goes back. */
export class WalFeed implements Feed<bigint>, StreamReader {
  readonly #units: UnitStream<bigint>
  readonly #wire: Wire
  readonly #scanner: Scanner
  readonly #keepalive: Keepalive
  readonly #watchdog: Watchdog
  /** The server has sent everything up to here. */
  #received: bigint

  /** Streaming. Throws as postgresError says. */
  static async open(options: FeedOptions, units: UnitStream<bigint>, signal: AbortSignal): Promise<WalFeed> {
    const { config, name, source, from } = options
    const wire = await Wire.open(config, name, source, signal)
    let settings: Settings
    try {
      const { rows } = await wire.client.query<Settings>(SETTINGS)
      settings = rows[0]!
    } catch (error) {
      await wire.close(from, units.durable ?? 0n)
      throw postgresError(error, config)
    }
    return new WalFeed(options, units, wire, settings)
  }

  private constructor(options: FeedOptions, units: UnitStream<bigint>, wire: Wire, settings: Settings) {
    const { logger, from, resolve, ask, silenceMs, onDdl, events, config } = options
    this.#units = units
    this.#wire = wire
    this.#received = from
    this.#scanner = new Scanner({
      writer: units.writer,
      resolve,
      from,
      xid: BigInt(settings.xid),
      onDdl,
      messages: new Messages(config.messages, events),
      onOutboxUpdate: warnOnce(logger),
    })
    wire.start(startCommand(options, settings.ddl === 't'), this)
    this.#keepalive = new Keepalive(
      again => wire.sendStatus(this.#written(), this.#durable(), again),
      Number(settings.timeout),
      () => wire.silence,
    )
    const pid = (wire.client as typeof wire.client & { processID: number }).processID
    this.#watchdog = new Watchdog({
      silence: () => wire.silence,
      limitMs: silenceMs,
      nudge: () => this.#keepalive.now(true),
      ask: () => ask(pid),
      onBusy: silence => logger.info({ silence }, 'the server is silent but works through its log'),
      onDead: cause => units.ended(silentStream(silenceMs, cause)),
    })
  }

  get position(): bigint {
    return this.#scanner.position
  }

  get inTransaction(): boolean {
    return this.#scanner.inTransaction
  }

  resume(): void {
    this.#wire.resume()
  }

  /** The server is asked often. */
  hasten(on: boolean): void {
    this.#keepalive.hasten(on)
  }

  /** The server is told within a second. */
  acknowledged(): void {
    this.#keepalive.changed()
  }

  async close(): Promise<void> {
    this.#watchdog.stop()
    this.#keepalive.stop()
    await this.#wire.close(this.#written(), this.#durable())
  }

  /** Other tables are captured now. */
  forget(): void {
    this.#scanner.forget()
  }

  message(bytes: Buffer, at: number, end: number): boolean {
    return this.#scanner.scan(bytes, at, end)
  }

  pending(): Promise<void> {
    return this.#scanner.pending!
  }

  keepalive(walEnd: bigint, asked: boolean): void {
    this.#scanner.passed(walEnd)
    if (walEnd > this.#received) this.#received = walEnd
    if (asked) this.#keepalive.now(false)
  }

  arrived(): boolean {
    return this.#units.arrived()
  }

  ended(error: unknown): void {
    this.#units.ended(error)
  }

  #written(): bigint {
    const { position } = this.#scanner
    return position > this.#received ? position : this.#received
  }

  #durable(): bigint {
    return this.#units.durable ?? 0n
  }
}

interface Settings {
  readonly timeout: string
  readonly xid: string
  readonly ddl: string
}

const SETTINGS = `SELECT
  (SELECT setting FROM pg_catalog.pg_settings WHERE name = 'wal_sender_timeout') AS timeout,
  pg_catalog.pg_snapshot_xmax(pg_catalog.pg_current_snapshot()) AS xid,
  ${HAS_DDL_TRIGGER} AS ddl`

/** In replication commands a backslash is itself, and there is no other form of text. */
function startCommand({ slot, publications, config }: FeedOptions, hasDdlTrigger: boolean): string {
  const names = publications.map(quoteIdentifier).join(',').replaceAll("'", "''")
  const messages = hasDdlTrigger || config.messages.length > 0 ? ", messages 'true'" : ''
  return `START_REPLICATION SLOT ${quoteIdentifier(slot)} LOGICAL 0/0 (proto_version '1', publication_names '${names}'${messages})`
}

function silentStream(ms: number, cause: unknown): TailraceError {
  return new TailraceError('SOURCE_SILENT', 'retry', `The server has sent nothing for ${Math.round(ms / 1000)} s.`, {
    cause,
    hint: 'The connection is dead or the server hangs. It is opened anew; look at the network between the two.',
  })
}
