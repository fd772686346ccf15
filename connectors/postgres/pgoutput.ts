import type { Table } from '../../runtime/contract.ts'
import { cellEnd, readU32BE } from '../../runtime/record/cells.ts'
import type { BatchWriter } from '../../runtime/record/writer.ts'
import { RowWriter } from '../common/row-writer.ts'
import { Span } from '../common/scratch.ts'
import { isDdl, type Messages } from './messages.ts'
import { formatLsn, POSTGRES_EPOCH, widenXid } from './position.ts'
import { type Decoded, parseRelation, protocolError, type Relation } from './relation.ts'

/** Letters of the messages of protocol 1 (https://www.postgresql.org/docs/current/protocol-logicalrep-message-formats.html). */
const B = 0x42
const C = 0x43
const D = 0x44
const I = 0x49
const K = 0x4b
const M = 0x4d
const N = 0x4e
const O = 0x4f
const R = 0x52
const T = 0x54
const U = 0x55
const Y = 0x59

const APPEND_ONLY_HINT =
  'Publish only inserts and truncates of it, or give it a primary key and take it out of `appendOnly`.'

/** Finds the Table that a relation's rows belong to; undefined: not captured. Awaited where the catalog must be asked. */
export type Resolve = (relation: Relation) => Decoded | undefined | Promise<Decoded | undefined>

interface Target {
  readonly relation: Relation
  /** Not asked yet: a relation sent within transactions that are dropped says nothing about the rows to come. */
  resolved: boolean
  decoded: Decoded | undefined
}

export interface ScannerOptions {
  readonly writer: BatchWriter
  readonly resolve: Resolve
  /** Transactions whose commit lies before this are in the log already. */
  readonly from: bigint
  /** Any recent transaction number, 64 bits. */
  readonly xid: bigint
  /** A transaction has ended in which something was defined otherwise (ddl-trigger.ts). */
  readonly onDdl: () => void
  readonly messages: Messages
  /** A row of an outbox was updated, which is no event. */
  readonly onOutboxUpdate: (outbox: Table) => void
}

/** Walks pgoutput messages, protocol 1, and writes their changes as records. Nothing is allocated per row. */
export class Scanner {
  readonly #writer: BatchWriter
  readonly #resolve: Resolve
  readonly #rows: RowWriter
  readonly #from: bigint
  readonly #onDdl: () => void
  readonly #onOutboxUpdate: (outbox: Table) => void
  readonly #messages: Messages
  readonly #targets = new Map<number, Target>()
  /** The one of the row before. */
  #last: Target | undefined
  #lastOid = -1
  #xid: bigint
  #commitLsn = 0n
  #commitTime = 0n
  #open = false
  #dropped = false
  #hasDdl = false
  #position: bigint
  readonly #old = new Span()
  readonly #new = new Span()
  /** Set when `scan` answered false: settles when the same message can be given again. */
  pending: Promise<void> | undefined

  constructor(options: ScannerOptions) {
    this.#writer = options.writer
    this.#resolve = options.resolve
    this.#rows = new RowWriter(options.writer, APPEND_ONLY_HINT)
    this.#from = options.from
    this.#onDdl = options.onDdl
    this.#onOutboxUpdate = options.onOutboxUpdate
    this.#messages = options.messages
    this.#position = options.from
    this.#xid = options.xid
  }

  /** The end of the last transaction, or of the idle log behind it: where a resume misses nothing. */
  get position(): bigint {
    return this.#position
  }

  get inTransaction(): boolean {
    return this.#open
  }

  /** Relations are asked for again: others are captured now. */
  forget(): void {
    for (const target of this.#targets.values()) target.resolved = false
  }

  /** Everything before `lsn` has been sent. Counts only between transactions. */
  passed(lsn: bigint): void {
    if (!this.#open && lsn > this.#position) this.#position = lsn
  }

  /**
   * Takes one message. False: see `pending`. Throws SOURCE_PROTOCOL and what `resolve` throws; the
   * transaction at hand is then not to be used.
   */
  scan(bytes: Buffer, at: number, end: number): boolean {
    switch (bytes[at]) {
      case I:
        return this.#insert(bytes, at + 1, end)
      case U:
        return this.#update(bytes, at + 1, end)
      case D:
        return this.#delete(bytes, at + 1, end)
      case B:
        this.#begin(bytes, at + 1)
        return true
      case C:
        this.#commit(bytes, at + 1)
        return true
      case R: {
        const relation = parseRelation(bytes, at + 1, end)
        this.#targets.set(relation.oid, { relation, resolved: false, decoded: undefined })
        this.#lastOid = -1
        return true
      }
      case T:
        return this.#truncate(bytes, at + 1)
      case M:
        this.#message(bytes, at + 1)
        return true
      case O:
      case Y:
        return true
      default:
        throw protocolError(`a message of the unknown type ${bytes[at]}`)
    }
  }

  #begin(bytes: Buffer, at: number): void {
    if (this.#open) throw protocolError('a transaction inside another')
    this.#open = true
    this.#commitLsn = bytes.readBigUInt64BE(at)
    this.#commitTime = bytes.readBigInt64BE(at + 8) + POSTGRES_EPOCH
    this.#xid = widenXid(bytes.readUInt32BE(at + 16), this.#xid)
    this.#dropped = this.#commitLsn < this.#from
    this.#hasDdl = false
  }

  #commit(bytes: Buffer, at: number): void {
    if (!this.#open) throw protocolError('the end of a transaction that did not begin')
    this.#open = false
    if (this.#writer.inTransaction) this.#writer.commit()
    this.passed(bytes.readBigUInt64BE(at + 9))
    if (this.#hasDdl) this.#onDdl()
  }

  #message(bytes: Buffer, at: number): void {
    if (!this.#open || this.#dropped) return
    if (isDdl(bytes, at)) {
      this.#hasDdl = true
      return
    }
    const message = this.#messages.read(bytes, at)
    if (message === undefined) return
    this.#begun()
    this.#rows.append(message.table, message.row)
  }

  /** The transaction's header is written with its first change: empty ones leave no trace. */
  #begun(): void {
    if (!this.#writer.inTransaction)
      this.#writer.begin(this.#xid.toString(), formatLsn(this.#commitLsn), this.#commitTime)
  }

  #touch({ table }: Decoded): void {
    this.#begun()
    if (!this.#writer.registry.has(table.id)) this.#writer.announce(table)
  }

  /** Undefined: `pending` was set. Null: not wanted. */
  #target(bytes: Buffer, at: number): Decoded | null | undefined {
    if (this.#dropped) return null
    if (!this.#open) throw protocolError('a change outside a transaction')
    const oid = readU32BE(bytes, at)
    let target = this.#last
    if (target === undefined || oid !== this.#lastOid) {
      target = this.#targets.get(oid)
      if (target === undefined) throw protocolError(`a change of table ${oid}, which was not described`)
      this.#last = target
      this.#lastOid = oid
    }
    if (!target.resolved && !this.#resolveNow(target)) return undefined
    return target.decoded ?? null
  }

  #resolveNow(target: Target): boolean {
    const take = (decoded: Decoded | undefined): void => {
      target.decoded = decoded
      target.resolved = true
      this.pending = undefined
    }
    const answer = this.#resolve(target.relation)
    if (answer === undefined || !('then' in answer)) {
      take(answer)
      return true
    }
    this.pending = answer.then(take)
    return false
  }

  #insert(bytes: Buffer, at: number, end: number): boolean {
    const target = this.#target(bytes, at)
    if (target === undefined) return false
    if (target === null) return true
    this.#touch(target)
    const next = this.#tuple(bytes, at + 4, N, this.#new, target)
    next.end = end
    this.#rows.insert(target, next)
    return true
  }

  #update(bytes: Buffer, at: number, end: number): boolean {
    const target = this.#target(bytes, at)
    if (target === undefined) return false
    if (target === null) return true
    if (target.route !== undefined) {
      this.#onOutboxUpdate(target.table)
      return true
    }
    this.#touch(target)
    const tag = bytes[at + 4]
    if (tag === N) {
      const next = this.#tuple(bytes, at + 4, N, this.#new, target)
      next.end = end
      this.#rows.update(target, next)
      return true
    }
    const full = tag === O
    const old = this.#tuple(bytes, at + 4, full ? O : K, this.#old, target)
    old.end = cellsEnd(old, target.columns, end)
    const next = this.#tuple(bytes, old.end, N, this.#new, target)
    next.end = end
    this.#rows.updateFrom(target, old, next, full ? 'whole' : 'key')
    return true
  }

  #delete(bytes: Buffer, at: number, end: number): boolean {
    const target = this.#target(bytes, at)
    if (target === undefined) return false
    if (target === null || target.route !== undefined) return true
    this.#touch(target)
    const full = bytes[at + 4] === O
    const old = this.#tuple(bytes, at + 4, full ? O : K, this.#old, target)
    old.end = end
    this.#rows.delete(target, old, full ? 'whole' : 'key')
    return true
  }

  #truncate(bytes: Buffer, at: number): boolean {
    const count = bytes.readUInt32BE(at)
    const first = at + 5
    // All are resolved before the first is written: the message may have to be given again.
    for (let i = 0; i < count; i++) if (this.#target(bytes, first + 4 * i) === undefined) return false
    for (let i = 0; i < count; i++) {
      const target = this.#target(bytes, first + 4 * i)
      // An outbox that is cleared takes no event back.
      if (!target || target.route !== undefined) continue
      this.#touch(target)
      this.#writer.truncate(target.table)
    }
    return true
  }

  /** Sets `span` to the tuple marked `tag` at `at`, its end still open. */
  #tuple(bytes: Buffer, at: number, tag: number, span: Span, target: Decoded): Span {
    if (bytes[at] !== tag) throw protocolError(`a row of the unknown kind ${bytes[at]}`)
    const columns = (bytes[at + 1]! << 8) | bytes[at + 2]!
    if (columns !== target.columns)
      throw protocolError(`a row with ${columns} columns for a table of ${target.columns}`)
    span.bytes = bytes
    span.at = at + 3
    return span
  }
}

function cellsEnd(span: Span, columns: number, end: number): number {
  let at = span.at
  for (let i = 0; i < columns; i++) at = cellEnd(span.bytes, at, end)
  return at
}
