import type { Logger } from 'pino'
import type { Table } from '../../runtime/contract.ts'
import type { BatchWriter } from '../../runtime/record/writer.ts'
import { warnOnce } from '../common/outbox-update.ts'
import { RowWriter } from '../common/row-writer.ts'
import { unreadable } from './binlog/binlog-error.ts'
import { type ControlEvent, parseControlEvent } from './binlog/control-event.ts'
import { type Checksum, EventHeader, openEvent } from './binlog/event-header.ts'
import { EventFlag, EventType, isRows } from './binlog/event-types.ts'
import { parseTableMap } from './binlog/table-map.ts'
import { formatXid } from './binlog/xid.ts'
import { ReadingPlace } from './binlog-place.ts'
import type { Xa } from './ddl/kinds.ts'
import { transactionId } from './fence.ts'
import { type ExecutedGtids, MariadbExecuted, MysqlExecuted } from './gtids.ts'
import { MappedRows } from './mapped-rows.ts'
import { Payloads } from './payloads.ts'
import { type BinlogPlace, type BinlogPosition, comparePlaces, formatPlace } from './position.ts'
import type { Resolver } from './resolver.ts'
import { RowEvents } from './row-events.ts'
import { incident } from './scanner-error.ts'
import { Statements } from './statements.ts'
import type { Flavor } from './wire-column.ts'
import { XaGroups } from './xa/groups.ts'
import type { PreparedTransactions } from './xa/prepared.ts'
import { replay } from './xa/replay.ts'

export interface ScannerOptions {
  readonly writer: BatchWriter
  readonly resolver: Resolver
  readonly from: BinlogPosition
  readonly flavor: Flavor
  readonly lowerCaseTableNames: 0 | 1 | 2
  /** Bytes that a value may have. */
  readonly largestValue: number
  /** Bytes that an event, or what one is expanded to, may have. */
  readonly largest: number
  readonly logger: Logger
  readonly prepared: PreparedTransactions
  /** Once other connections see what the transaction did, whose group ends at `place`. */
  readonly untilVisible: (transaction: string, place: BinlogPlace) => Promise<void>
  /** While what was written waits to be taken, a promise of the moment when there is room. */
  readonly room: () => Promise<void> | undefined
}

/** A group of events that commits together. */
interface Group {
  readonly id: string
  /** Where it begins. */
  readonly place: BinlogPlace
  /** Microseconds since 1970. */
  readonly time: bigint
  /** A BEGIN, or what stands for it, has come: a commit ends it. Else its one statement does. */
  hasBegun: boolean
}

const MICROSECONDS = 1_000_000n
const UNSEEN = 'an XA transaction that was prepared before the source began may have changed its rows'

/** Walks the events of the binary log and writes the changes as records. Nothing is allocated per row. */
export class Scanner {
  readonly #options: ScannerOptions
  readonly #writer: BatchWriter
  readonly #mapped: MappedRows
  readonly #xa: XaGroups
  readonly #payloads: Payloads
  readonly #statements: Statements
  readonly #header = new EventHeader()
  readonly #reading: ReadingPlace
  readonly #executed: ExecutedGtids | undefined
  #checksum: Checksum = 'unknown'
  #group: Group | undefined
  #position: BinlogPlace
  /** Set when `event` answered false: settles when the same event can be given again. */
  pending: Promise<void> | undefined

  constructor(options: ScannerOptions) {
    const { writer, from, flavor, resolver, lowerCaseTableNames, largest, prepared, room } = options
    this.#options = options
    this.#writer = writer
    this.#mapped = new MappedRows({
      resolver,
      flavor,
      largest,
      rows: new RowEvents(
        new RowWriter(writer, 'Give it a primary key and take it out of `appendOnly`, or exclude it.'),
        options.largestValue,
      ),
      touch: table => this.#touch(table, false),
      onOutboxUpdate: warnOnce(options.logger),
    })
    this.#xa = new XaGroups({
      prepared,
      concerns: (bytes, at, end) => resolver.concerns([parseTableMap(bytes, at, end, flavor)]),
      replay: chunks => replay(chunks, this.#mapped, room),
      unseen: () => this.#unseen(),
    })
    this.#payloads = new Payloads({
      largest,
      take: (bytes, header) => this.#take(bytes, header, this.#reading.at, true),
      pending: () => this.pending,
      room,
    })
    this.#statements = new Statements(resolver, flavor, lowerCaseTableNames)
    this.#reading = new ReadingPlace(from)
    this.#position = this.#reading.copy()
    if (from.gtids !== undefined)
      this.#executed = flavor === 'mysql' ? new MysqlExecuted(from.gtids) : new MariadbExecuted(from.gtids)
  }

  /** The end of the last group, or of what follows it and is of no group: where a resume misses nothing. */
  get position(): BinlogPlace {
    return this.#position
  }

  /** Everything up to `position`. */
  get gtids(): string | undefined {
    return this.#executed?.text
  }

  get inTransaction(): boolean {
    return this.#group !== undefined
  }

  async close(): Promise<void> {
    await this.#xa.close()
  }

  /** Tables are asked for again: others are captured now. */
  forget(): void {
    this.#mapped.clear()
  }

  /** Takes one event. False: see `pending`. Throws what its parsers and the resolver throw. */
  event(bytes: Buffer, at: number, end: number): boolean {
    const header = this.#header
    openEvent(bytes, at, end, this.#checksum, header)
    const { position, flags } = header
    const isReal = position !== 0 && (flags & EventFlag.artificial) === 0 && !isHeartbeat(header.type)
    // Where the event begins, for what begins with it.
    if (isReal && position >= end - at) this.#reading.passed(position - (end - at))
    const start = this.#reading.at
    if (isReal) this.#reading.passed(position)
    if (!this.#take(bytes, header, start, false)) return false
    if (this.#group === undefined) this.#moved()
    return true
  }

  #moved(): void {
    const { file, at } = this.#reading
    if (file === this.#position.file && BigInt(at) === this.#position.offset) return
    const order = comparePlaces(this.#reading, this.#position)
    if (order === undefined || order > 0) this.#position = this.#reading.copy()
  }

  #take(bytes: Buffer, header: EventHeader, start: number, isInner: boolean): boolean {
    const { type, at, end } = header
    if (isRows(type) || type === EventType.tableMap) {
      const taker = this.#xa.isOpen ? this.#xa : this.#mapped
      return this.#waited(taker.take(type, bytes, at, end), taker)
    }
    if (type === EventType.transactionPayload && !isInner)
      return this.#waited(this.#payloads.take(bytes, at, end), this.#payloads)
    return this.#control(parseControlEvent(bytes, header, this.#options.largest), header, start)
  }

  #control(event: ControlEvent, header: EventHeader, start: number): boolean {
    switch (event.kind) {
      case 'formatDescription':
        this.#checksum = event.format.checksum
        this.#reading.begun = header.time
        this.#mapped.clear()
        return true
      case 'rotate':
        this.#reading.moveTo(event.next.file, Number(event.next.position))
        return true
      case 'heartbeat':
        this.#heartbeat(event.sent.file, Number(event.sent.position))
        return true
      case 'gtid':
      case 'anonymousGtid': {
        const gtid = this.#executed instanceof MysqlExecuted ? this.#executed.begin(event.gtid) : undefined
        this.#begin(gtid, start, event.gtid.immediateCommit ?? BigInt(header.time) * MICROSECONDS, false)
        return true
      }
      case 'mariadbGtid': {
        const gtid = this.#executed instanceof MariadbExecuted ? this.#executed.begin(event.gtid) : undefined
        this.#statements.alter = event.gtid.alter
        this.#begin(gtid, start, BigInt(header.time) * MICROSECONDS, !event.gtid.isStandalone)
        // It stands for XA START.
        if (event.gtid.prepared !== undefined) this.#xa.begin(formatXid(event.gtid.prepared), this.#group!.id)
        return true
      }
      case 'query':
      case 'executeLoadQuery':
        return this.#query(event.query, header)
      case 'xid':
        this.#commit()
        return true
      case 'xaPrepare':
        if (!this.#waited(this.#xa.prepare(event.prepare.isOnePhase), this.#xa)) return false
        this.#commit()
        return true
      case 'incident':
        throw incident(event.incident.message)
      default:
        return true
    }
  }

  #begin(gtid: string | undefined, start: number, time: bigint, hasBegun: boolean): void {
    if (this.#group !== undefined) throw unreadable('a group of events begins inside another one')
    const place = { file: this.#reading.file, offset: BigInt(start) }
    const id = transactionId(gtid, place, this.#options.flavor === 'mariadb')
    this.#group = { id, place, time, hasBegun }
  }

  #commit(): void {
    if (this.#writer.inTransaction) this.#writer.commit()
    this.#executed?.add()
    if (this.#group !== undefined) this.#xa.commit(this.#group.id)
    this.#group = undefined
    // Not only at the end of the event: a compressed transaction is handed over before all of its event is done with.
    this.#moved()
  }

  #heartbeat(file: string, position: number): void {
    if (this.#group !== undefined) return
    if (file !== this.#reading.file) this.#reading.moveTo(file, position)
    else if (position > this.#reading.at) this.#reading.moveTo(file, position)
    this.#moved()
  }

  #query(query: Parameters<Statements['read']>[0], header: EventHeader): boolean {
    // A server without GTIDs at all begins its groups with a statement.
    if (this.#group === undefined) this.#begin(undefined, this.#reading.at, BigInt(header.time) * MICROSECONDS, false)
    const group = this.#group!
    const hasChanges = this.#writer.inTransaction || this.#xa.isConcerned
    const read = this.#statements.read(query, hasChanges, this.#reading)
    if (read === 'wait') return this.#waited(false, this.#statements)
    if (read.xa !== undefined) return this.#xaStatement(read.xa, group)
    for (const { kind, table } of read.effects) {
      this.#touch(table, kind === 'announce')
      if (kind === 'truncate') this.#writer.truncate(table)
    }
    if (read.effects.length > 0) this.#mapped.clear()
    if (read.step === 'begin') group.hasBegun = true
    else if (read.step === 'end' || !group.hasBegun) this.#commit()
    return true
  }

  #xaStatement(xa: Xa, group: Group): boolean {
    if (!this.#waited(this.#xa.statement(xa, group.id), this.#xa)) return false
    if (xa.action === 'start') group.hasBegun = true
    else if (xa.action === 'commit' || xa.action === 'rollback') this.#commit()
    return true
  }

  /** Its rows were logged before the stream began. Once others can see them the tables are read again. */
  async #unseen(): Promise<void> {
    const { logger, resolver, untilVisible } = this.#options
    logger.warn('an XA transaction was committed that had been prepared before the stream began')
    await untilVisible(this.#group!.id, this.#reading.copy())
    for (const { table } of resolver.outdate(UNSEEN)) this.#touch(table, true)
    this.#mapped.clear()
  }

  #waited(isTaken: boolean, by: { readonly pending: Promise<void> | undefined }): boolean {
    if (!isTaken) this.pending = by.pending
    return isTaken
  }

  /** The transaction's header is written with its first change: empty ones leave no trace. */
  #touch(table: Table, announce: boolean): void {
    const group = this.#group
    if (group === undefined) throw unreadable('it has rows outside of a transaction')
    if (!this.#writer.inTransaction) this.#writer.begin(group.id, formatPlace(group.place), group.time)
    if (announce || !this.#writer.registry.has(table.id)) this.#writer.announce(table)
  }
}

function isHeartbeat(type: number): boolean {
  return type === EventType.heartbeat || type === EventType.heartbeatV2
}
