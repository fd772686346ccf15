import type { StatementSync } from 'node:sqlite'
import type { Cursor } from '../../runtime/contract.ts'
import { TailraceError } from '../../runtime/errors.ts'
import type { Owner } from './catalog.ts'
import type { Database } from './database.ts'

export const CURSORS = '_tailrace'

/**
 * The row of `_tailrace` that says up to where the database holds a source's changes. It moves in the transaction
 * that brings the rows, and only from the state this opening left it in: whoever else touched it is noticed.
 */
export class CursorRow {
  readonly #owner: Owner
  readonly #path: string
  readonly #move: StatementSync
  readonly #read: StatementSync
  readonly #epoch: number
  #stored: Cursor | null

  private constructor(database: Database, owner: Owner, epoch: number, stored: Cursor | null) {
    this.#owner = owner
    this.#path = database.path
    const ours = 'WHERE pipeline = ? AND sink = ? AND source = ?'
    this.#move = database.prepare(
      `UPDATE ${CURSORS} SET cursor = ?, updated_at = ? ${ours} AND epoch = ? AND cursor IS ?`,
    )
    this.#read = database.prepare(`SELECT epoch FROM ${CURSORS} ${ours}`)
    this.#epoch = epoch
    this.#stored = stored
  }

  static create(database: Database): void {
    database.exec(
      `CREATE TABLE IF NOT EXISTS ${CURSORS} (pipeline TEXT, sink TEXT, source TEXT, log TEXT, cursor TEXT,
       epoch INTEGER, updated_at TEXT, PRIMARY KEY (pipeline, sink, source)) STRICT`,
    )
  }

  /** Takes the row over from whoever opened it before. `isWhole`: false forgets the cursor. In a transaction. */
  static take(database: Database, owner: Owner, logId: string, isWhole: boolean): CursorRow {
    const { pipeline, sink, source } = owner
    const before = database
      .prepare(`SELECT log, cursor, epoch FROM ${CURSORS} WHERE pipeline = ? AND sink = ? AND source = ?`)
      .get(pipeline, sink, source)
    const fits = isWhole && before?.log === logId
    const cursor = fits ? ((before.cursor as Cursor | null) ?? null) : null
    const epoch = Number(before?.epoch ?? 0) + 1
    database
      .prepare(`INSERT OR REPLACE INTO ${CURSORS} VALUES (?, ?, ?, ?, ?, ?, ?)`)
      .run(pipeline, sink, source, logId, cursor, epoch, new Date().toISOString())
    return new CursorRow(database, owner, epoch, cursor)
  }

  get cursor(): Cursor | undefined {
    return this.#stored ?? undefined
  }

  /**
   * Moves the row; `moved` is to be called once the transaction is committed. Throws SINK_FENCED if another opening
   * took it over, SINK_RESTORED if it is gone or older.
   */
  move(cursor: Cursor): void {
    const { pipeline, sink, source } = this.#owner
    const now = new Date().toISOString()
    const { changes } = this.#move.run(cursor, now, pipeline, sink, source, this.#epoch, this.#stored)
    if (changes !== 1) throw this.#lost()
  }

  moved(cursor: Cursor): void {
    this.#stored = cursor
  }

  /** Throws as `move` does. In the transaction that writes. */
  check(): void {
    const { pipeline, sink, source } = this.#owner
    if (this.#read.get(pipeline, sink, source)?.epoch !== this.#epoch) throw this.#lost()
  }

  #lost(): TailraceError {
    const { pipeline, sink, source } = this.#owner
    const epoch = this.#read.get(pipeline, sink, source)?.epoch
    if (epoch !== undefined && Number(epoch) > this.#epoch)
      return new TailraceError('SINK_FENCED', 'stop', `Another process writes to ${this.#path}.`, {
        hint: 'Run one pipeline per target. Stop the other one, then resume this sink.',
      })
    return new TailraceError('SINK_RESTORED', 'retry', `The cursor in ${this.#path} was removed or set back.`, {
      hint: 'The sink goes on from what the file now holds.',
    })
  }
}
