import type { Logger } from 'pino'
import type { Batch, Position, SourceIdentity, Table } from '../../runtime/contract.ts'
import { TailraceError } from '../../runtime/errors.ts'
import { type Feed, UnitStream } from '../common/unit-stream.ts'
import type { MysqlConfig } from './config.ts'
import type { DumpFrom } from './dump.ts'
import { DumpWire, type EventTaker } from './dump-wire.ts'
import { type BinlogPlace, type BinlogPosition, comparePlaces, formatPosition } from './position.ts'
import type { Resolver } from './resolver.ts'
import { Scanner, type ScannerOptions } from './scanner.ts'
import type { ServerFacts } from './server-facts.ts'
import type { PreparedTransactions } from './xa/prepared.ts'

export interface StreamOptions {
  readonly config: MysqlConfig
  /** How the connection is called at the server. */
  readonly name: string
  /** How the source is called. */
  readonly source: string
  readonly logger: Logger
  readonly facts: ServerFacts
  /** What the log holds already; behind it the stream begins. */
  readonly from: BinlogPosition
  readonly dump: DumpFrom
  readonly serverId: number
  /** Every table version that the log knows. */
  readonly tables: readonly Table[]
  /** New table versions to make known in a first unit, which is appended even if there is nothing else. */
  readonly announce: readonly Table[] | undefined
  /** Stored with the first unit. */
  readonly identity: SourceIdentity
  readonly resolver: Resolver
  readonly prepared: PreparedTransactions
  readonly untilVisible: ScannerOptions['untilVisible']
  /** How often the server is to say something, seconds. */
  readonly heartbeatSeconds: number
}

/** After so many heartbeats that did not come the connection is dead. */
const MISSED = 3
/** Bytes that an event may have beside its largest values. */
const EVENT_ROOM = 64 * 1024 * 1024

/** The change stream as units, from a connection that streams the binary log. */
export class ChangeStream {
  readonly #options: StreamOptions
  readonly #units: UnitStream<BinlogPlace>
  #feed: BinlogFeed | undefined
  #gtids: string | undefined

  constructor(options: StreamOptions) {
    this.#options = options
    const { from, tables, announce, identity } = options
    this.#gtids = from.gtids
    this.#units = new UnitStream<BinlogPlace>({
      positions: { isBefore: (a, b) => (comparePlaces(a, b) ?? 0) < 0, format: place => this.#format(place) },
      from,
      tables,
      announce,
      identity,
    })
  }

  /** Units of lane `stream`, until `signal` aborts (then it throws its reason) or the connection fails. */
  batches(signal: AbortSignal): AsyncGenerator<Batch> {
    return this.#units.batches(async signal => {
      this.#feed = await BinlogFeed.open(this.#options, this.#units, signal)
      return this.#feed
    }, signal)
  }

  get durable(): BinlogPlace | undefined {
    return this.#units.durable
  }

  ack(position: BinlogPosition): void {
    this.#units.ack(position)
    this.#options.prepared.acknowledged(position.prepared)
  }

  hasten(until: BinlogPlace, signal: AbortSignal): void {
    this.#units.hasten(until, signal)
  }

  forget(): void {
    this.#feed?.forget()
  }

  /** Called with the position that the feed has at the moment. */
  #format({ file, offset, begun }: BinlogPlace): Position {
    const { facts, prepared } = this.#options
    const { flavor, serverId: server } = facts
    if (this.#feed !== undefined) this.#gtids = this.#feed.gtids
    return formatPosition({ flavor, server, file, offset, begun, gtids: this.#gtids, prepared: prepared.names })
  }
}

class BinlogFeed implements Feed<BinlogPlace>, EventTaker {
  readonly #units: UnitStream<BinlogPlace>
  readonly #wire: DumpWire
  readonly #scanner: Scanner
  readonly #watchdog: NodeJS.Timeout
  #room: PromiseWithResolvers<void> | undefined

  private constructor(options: StreamOptions, units: UnitStream<BinlogPlace>, wire: DumpWire) {
    const { resolver, from, facts, config, logger, heartbeatSeconds, prepared, untilVisible } = options
    this.#units = units
    this.#wire = wire
    this.#scanner = new Scanner({
      writer: units.writer,
      resolver,
      from,
      flavor: facts.flavor,
      lowerCaseTableNames: facts.lowerCaseTableNames,
      largestValue: config.maxValueBytes,
      largest: 2 * config.maxValueBytes + EVENT_ROOM,
      logger,
      prepared,
      untilVisible,
      room: () => this.#untilRoom(),
    })
    const limit = MISSED * heartbeatSeconds * 1000
    this.#watchdog = setInterval(() => {
      if (wire.silence > limit) this.#dead(limit)
    }, heartbeatSeconds * 1000)
  }

  static async open(options: StreamOptions, units: UnitStream<BinlogPlace>, signal: AbortSignal): Promise<BinlogFeed> {
    const { config, name, source, dump, serverId, heartbeatSeconds } = options
    const wire = await DumpWire.open(config, name, source, signal)
    const feed = new BinlogFeed(options, units, wire)
    try {
      await wire.start({ from: dump, serverId, reader: name, heartbeatSeconds }, feed)
      return feed
    } catch (error) {
      await feed.close()
      throw error
    }
  }

  get position(): BinlogPlace {
    return this.#scanner.position
  }

  get gtids(): string | undefined {
    return this.#scanner.gtids
  }

  get inTransaction(): boolean {
    return this.#scanner.inTransaction
  }

  forget(): void {
    this.#scanner.forget()
  }

  event(bytes: Buffer, at: number, end: number): boolean {
    return this.#scanner.event(bytes, at, end)
  }

  pending(): Promise<void> {
    return this.#scanner.pending!
  }

  arrived(): boolean {
    return this.#units.arrived()
  }

  ended(error: unknown): void {
    this.#units.ended(error)
  }

  resume(): void {
    this.#room?.resolve()
    this.#room = undefined
    this.#wire.resume()
  }

  /** The server sends what there is at once. */
  hasten(): void {}

  /** It keeps its log by time, not by what was read. */
  acknowledged(): void {}

  async close(): Promise<void> {
    clearInterval(this.#watchdog)
    this.#room?.resolve()
    this.#wire.close()
    await this.#scanner.close()
  }

  #untilRoom(): Promise<void> | undefined {
    if (this.#units.arrived()) return undefined
    this.#room ??= Promise.withResolvers<void>()
    return this.#room.promise
  }

  #dead(ms: number): void {
    clearInterval(this.#watchdog)
    this.#wire.close()
    this.#units.ended(
      new TailraceError('SOURCE_SILENT', 'retry', `The server has sent nothing for ${Math.round(ms / 1000)} s.`, {
        hint: 'The connection is dead or the server hangs. It is opened anew; look at the network between the two.',
      }),
    )
  }
}
