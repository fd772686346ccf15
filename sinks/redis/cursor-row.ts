import type { Cursor } from '../../runtime/contract.ts'
import { crashPoint } from '../../runtime/crash.ts'
import { TailraceError } from '../../runtime/errors.ts'
import { type Argument, Commands } from './commands.ts'
import type { Connection } from './connection.ts'
import { OWN } from './key-names.ts'
import { isReplyError, type Reply, TransactionTaker, ValueTaker } from './reply.ts'
import { type Refused, Transaction } from './transaction.ts'

/** Who writes: one source of one sink of one pipeline. */
export interface Owner {
  readonly pipeline: string
  readonly sink: string
  readonly source: string
}

/** What the row held before it was taken over. */
export interface FormerRow {
  readonly log: string | undefined
  readonly layout: string | undefined
  readonly fields: ReadonlyMap<string, string>
}

export const FIELD = {
  log: 'log',
  cursor: 'cursor',
  epoch: 'epoch',
  layout: 'layout',
  /** In rows of the next generation: what is being done with it, from generation-rows.ts. */
  step: 'step',
  updatedAt: 'updatedAt',
} as const
const TAKE_ATTEMPTS = 20

interface Outcome {
  readonly transaction: Transaction
  /** Commands that the server refused by themselves, while it ran the others. */
  readonly failed: TransactionTaker['failed']
}

type Fill = (transaction: Transaction) => Promise<void> | void

export function rowKey({ pipeline, sink, source }: Owner): string {
  return `${OWN}:${pipeline}:${sink}:${source}`
}

/**
 * The hash `_tailrace:{pipeline}:{sink}:{source}` that says up to where the database holds a source's changes. It is
 * watched (WATCH) from when it was read until the MULTI that moves it, which therefore runs only on the state that this
 * opening left: another writer, a database that was emptied or set back, all of it is noticed, and nothing is written.
 */
export class CursorRow {
  readonly former: FormerRow
  readonly #connection: Connection
  readonly #key: string
  readonly #epoch: number
  readonly #commands = new Commands()
  #stored: Cursor | undefined

  private constructor(connection: Connection, key: string, former: FormerRow, epoch: number, stored?: Cursor) {
    this.#connection = connection
    this.#key = key
    this.former = former
    this.#epoch = epoch
    this.#stored = stored
  }

  /** Takes the row over from whoever opened it before. A cursor of another log or layout is forgotten. */
  static async take(
    connection: Connection,
    owner: Owner,
    logId: string,
    layout: string,
    signal: AbortSignal,
  ): Promise<CursorRow> {
    const key = rowKey(owner)
    for (let attempt = 1; attempt <= TAKE_ATTEMPTS; attempt++) {
      signal.throwIfAborted()
      const fields = await readFields(connection, key, true)
      const former = { log: fields.get(FIELD.log), layout: fields.get(FIELD.layout), fields }
      const fits = former.log === logId && former.layout === layout
      const cursor = fits ? (fields.get(FIELD.cursor) as Cursor | undefined) : undefined
      const epoch = Number(fields.get(FIELD.epoch) ?? 0) + 1
      const replies = await connection.askAll([
        ['MULTI'],
        ['HSET', key, FIELD.epoch, epoch, FIELD.updatedAt, new Date().toISOString()],
        ...(cursor === undefined ? [['HDEL', key, FIELD.cursor]] : []),
        ['SADD', OWN, key],
        ['EXEC'],
      ])
      const results = replies.at(-1) as readonly Reply[] | null
      if (results === null) continue
      for (const result of results) if (isReplyError(result)) throw connection.refusal(result.error)
      const row = new CursorRow(connection, key, former, epoch, cursor)
      row.#expect(await connection.askAll(row.#watch()))
      return row
    }
    throw fenced(connection.server)
  }

  get cursor(): Cursor | undefined {
    return this.#stored
  }

  /**
   * Runs what `fill` gathers, and the move of the row to `cursor` (undefined: it stays), all or nothing. Answers the
   * changes that the server refused, and then the row stays; if `fill` refused any itself, nothing ran. Throws
   * SINK_FENCED if another opening took the row over, SINK_RESTORED if it is gone or older, what the server says if it
   * takes no writes.
   */
  async transact(cursor: Cursor | undefined, fill: Fill, signal: AbortSignal): Promise<readonly Refused[]> {
    signal.throwIfAborted()
    const connection = this.#connection
    const abort = (): void => connection.abort(signal.reason)
    signal.addEventListener('abort', abort, { once: true })
    try {
      const before = this.#stored
      const { transaction, failed } = await this.#run(cursor === undefined ? undefined : { to: cursor }, fill)
      if (failed.length > 0 && this.#stored !== before) await this.#run({ to: before }, () => {})
      return transaction.refused.length > 0 ? transaction.refused : this.#refused(transaction, failed)
    } catch (error) {
      // The server may be left with half a transaction.
      connection.fail(error)
      throw error
    } finally {
      signal.removeEventListener('abort', abort)
    }
  }

  async #run(move: { readonly to: Cursor | undefined } | undefined, fill: Fill): Promise<Outcome> {
    const connection = this.#connection
    const commands = this.#commands
    const transaction = new Transaction(connection, commands)
    const taker = new TransactionTaker()
    connection.expect(taker)
    commands.add('MULTI')
    if (move !== undefined) {
      if (move.to === undefined) commands.add('HDEL', this.#key, FIELD.cursor)
      else commands.add('HSET', this.#key, FIELD.cursor, move.to, FIELD.updatedAt, new Date().toISOString())
      transaction.causes.push(-1)
    }
    await fill(transaction)
    taker.total(transaction.causes.length)
    const isImpossible = transaction.refused.length > 0
    commands.add(isImpossible ? 'DISCARD' : 'EXEC')
    const watch = this.#watch()
    const replies = watch.map(() => new ValueTaker())
    for (const reply of replies) connection.expect(reply)
    for (const command of watch) commands.add(...command)
    await transaction.send()
    crashPoint('redis.sent')
    await taker.promise
    const state = await Promise.all(replies.map(({ promise }) => promise))
    if (isImpossible) return { transaction, failed: [] }
    if (taker.refused !== undefined) throw connection.refusal(taker.refused)
    if (!taker.ran) throw this.#lost(state[1])
    if (move !== undefined) this.#stored = move.to
    this.#expect(state)
    return { transaction, failed: taker.failed }
  }

  /** Each row once, whatever number of its commands failed. */
  #refused({ causes }: Transaction, failed: Outcome['failed']): Refused[] {
    const reasons = new Map<number, string>()
    for (const { command, error } of failed) {
      const index = causes[command]!
      const refusal = this.#connection.refusal(error)
      if (index === -1 || refusal.code !== 'SINK_REJECTED') throw refusal
      reasons.set(index, refusal.message)
    }
    return [...reasons].map(([index, reason]) => ({ index, reason }))
  }

  #watch(): (readonly string[])[] {
    return [
      ['WATCH', this.#key],
      ['HMGET', this.#key, FIELD.epoch, FIELD.cursor],
    ]
  }

  /** Throws if the row, watched from here on, is not what this opening left. */
  #expect(state: readonly Reply[]): void {
    const [epoch, cursor] = textsOf(state[1])
    if (Number(epoch ?? -1) !== this.#epoch || (cursor ?? undefined) !== this.#stored) throw this.#lost(state[1])
  }

  #lost(state: Reply | undefined): TailraceError {
    return lostRow(this.#connection.server, textsOf(state)[0], this.#epoch)
  }

  /** Runs commands that move nothing in the row. Throws as `transact` does. */
  async run(commands: readonly (readonly Argument[])[], signal: AbortSignal): Promise<void> {
    const fill = (transaction: Transaction): void => {
      for (const command of commands) {
        transaction.commands.add(...command)
        transaction.causes.push(-1)
      }
    }
    await this.transact(undefined, fill, signal)
  }

  /** For `fill`: writes fields of the row. */
  set(transaction: Transaction, fields: readonly (readonly [string, string])[]): void {
    if (fields.length === 0) return
    transaction.commands.add('HSET', this.#key, ...fields.flat())
    transaction.causes.push(-1)
  }

  /** For `fill`: from here on the row is that of this log and layout, without the fields. */
  begin(transaction: Transaction, logId: string, layout: string, without: readonly string[]): void {
    this.set(transaction, [
      [FIELD.log, logId],
      [FIELD.layout, layout],
    ])
    if (without.length === 0) return
    transaction.commands.add('HDEL', this.#key, ...without)
    transaction.causes.push(-1)
  }
}

/** All fields of a row; `watch`: any change from before the reading on keeps the next EXEC from running. */
export async function readFields(
  connection: Connection,
  key: string,
  watch = false,
): Promise<ReadonlyMap<string, string>> {
  const replies = await connection.askAll([...(watch ? [['WATCH', key]] : []), ['HGETALL', key]])
  return fieldsOf(replies.at(-1))
}

/** The reply to HGETALL. */
export function fieldsOf(reply: Reply | undefined): ReadonlyMap<string, string> {
  const texts = textsOf(reply).map(String)
  return new Map(texts.flatMap((text, i) => (i % 2 === 0 ? [[text, texts[i + 1]!] as const] : [])))
}

export function textsOf(reply: Reply | undefined): (string | null)[] {
  if (!Array.isArray(reply)) return []
  return (reply as readonly Reply[]).map(value => (Buffer.isBuffer(value) ? value.toString() : null))
}

/** What a row that is not as it was left means, from the epoch it now has. */
export function lostRow(server: string, found: string | null | undefined, epoch: number): TailraceError {
  if (Number(found ?? 0) > epoch) return fenced(server)
  const what = found === undefined || found === null ? 'removed' : 'set back'
  return new TailraceError('SINK_RESTORED', 'retry', `The cursor at ${server} was ${what}.`, {
    hint: 'The sink goes on from what the database now holds; if it is empty, it is built anew.',
  })
}

export function fenced(server: string): TailraceError {
  return new TailraceError('SINK_FENCED', 'stop', `Another process writes to the database at ${server}.`, {
    hint: 'Run one pipeline per target. Stop the other one, then resume this sink.',
  })
}
