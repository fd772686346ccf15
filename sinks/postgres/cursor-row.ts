import type { Cursor } from '../../runtime/contract.ts'
import { TailraceError } from '../../runtime/errors.ts'
import type { Connection } from './connection.ts'
import { CURSORS, IS_OWN, type Owner, ownerValues } from './owner.ts'

/** What a cursor is of: a log, and tables that this template names. */
export interface CursorOf {
  readonly logId: string
  readonly names: string
}

/**
 * The row of `_tailrace.cursors` that says up to where the database holds a source's changes. It moves in the transaction
 * that brings the rows, and only from the state this opening left it in: whoever else touched it is noticed.
 */
export class CursorRow {
  readonly #connection: Connection
  readonly #owner: Owner
  readonly #epoch: bigint
  #stored: Cursor | null

  private constructor(connection: Connection, owner: Owner, epoch: bigint, stored: Cursor | null) {
    this.#connection = connection
    this.#owner = owner
    this.#epoch = epoch
    this.#stored = stored
  }

  /**
   * Takes the row over from whoever opened it before. The cursor is forgotten unless it is of this log and of tables of
   * these names, and `isWhole`. In a transaction.
   */
  static async take(connection: Connection, owner: Owner, of: CursorOf, isWhole: boolean): Promise<CursorRow> {
    const { logId, names } = of
    const own = ownerValues(owner)
    const [before] = await connection.query(
      `SELECT log, names, cursor, epoch FROM ${CURSORS} WHERE ${IS_OWN} FOR UPDATE`,
      own,
    )
    const isFitting = isWhole && before?.log === logId && before.names === names
    const cursor = isFitting ? (before.cursor as Cursor | null) : null
    const epoch = BigInt(before?.epoch ?? 0) + 1n
    await connection.change(
      `INSERT INTO ${CURSORS} VALUES ($1, $2, $3, $4, $5, $6, $7, pg_catalog.now()) ON CONFLICT (pipeline, sink, source)
       DO UPDATE SET log = excluded.log, names = excluded.names, cursor = excluded.cursor, epoch = excluded.epoch, updated_at = excluded.updated_at`,
      [...own, logId, names, cursor, String(epoch)],
    )
    return new CursorRow(connection, owner, epoch, cursor)
  }

  get cursor(): Cursor | undefined {
    return this.#stored ?? undefined
  }

  /**
   * Moves the row; `moved` is to be called once the transaction is committed. Throws SINK_FENCED if another opening
   * took it over, SINK_RESTORED if it is gone or older.
   */
  async move(cursor: Cursor): Promise<void> {
    const changed = await this.#connection.change(
      `UPDATE ${CURSORS} SET cursor = $4, updated_at = pg_catalog.now()
       WHERE ${IS_OWN} AND epoch = $5 AND cursor IS NOT DISTINCT FROM $6`,
      [...ownerValues(this.#owner), cursor, String(this.#epoch), this.#stored],
    )
    if (changed !== 1) throw await this.#lost()
  }

  moved(cursor: Cursor): void {
    this.#stored = cursor
  }

  /** Throws as `move` does, and keeps others from the row until the end of the transaction. */
  async check(): Promise<void> {
    const [row] = await this.#connection.query(
      `SELECT epoch, cursor FROM ${CURSORS} WHERE ${IS_OWN} FOR UPDATE`,
      ownerValues(this.#owner),
    )
    if (row?.epoch !== String(this.#epoch) || row.cursor !== this.#stored) throw await this.#lost()
  }

  async #lost(): Promise<TailraceError> {
    const { server } = this.#connection
    if (await this.isTaken(this.#connection)) return fenced(server)
    return new TailraceError('SINK_RESTORED', 'retry', `The cursor at ${server} was removed or set back.`, {
      hint: 'The sink goes on from what the database now holds.',
    })
  }

  /** Whether another opening has taken the row over, as another connection sees it. */
  async isTaken(connection: Connection): Promise<boolean> {
    const [row] = await connection.query(`SELECT epoch FROM ${CURSORS} WHERE ${IS_OWN}`, ownerValues(this.#owner))
    return row !== undefined && BigInt(row.epoch!) > this.#epoch
  }
}

export function fenced(server: string): TailraceError {
  return new TailraceError('SINK_FENCED', 'stop', `Another process writes to PostgreSQL at ${server}.`, {
    hint: 'Run one pipeline per target. Stop the other one, then resume this sink.',
  })
}
