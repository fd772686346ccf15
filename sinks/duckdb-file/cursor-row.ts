import type { Cursor } from '../../runtime/contract.ts'
import { TailraceError } from '../../runtime/errors.ts'
import type { Database } from './database.ts'
import { CURSORS, IS_OWN, type Owner, ownerValues } from './owner.ts'

/**
 * The row of `_tailrace.cursors` that says up to where the database holds a source's changes. It moves in the
 * transaction that brings the rows, and only from the state this opening left it in: whoever else touched it is noticed.
 */
export class CursorRow {
  readonly #database: Database
  readonly #owner: Owner
  readonly #epoch: bigint
  #stored: Cursor | null

  private constructor(database: Database, owner: Owner, epoch: bigint, stored: Cursor | null) {
    this.#database = database
    this.#owner = owner
    this.#epoch = epoch
    this.#stored = stored
  }

  /** Takes the row over from whoever opened it before. `isWhole`: false forgets the cursor. In a transaction. */
  static async take(database: Database, owner: Owner, logId: string, isWhole: boolean): Promise<CursorRow> {
    const own = ownerValues(owner)
    const [before] = await database.query(`SELECT log, cursor, epoch FROM ${CURSORS} WHERE ${IS_OWN}`, own)
    const fits = isWhole && before?.log === logId
    const cursor = fits ? (before.cursor as Cursor | null) : null
    const epoch = ((before?.epoch as bigint | undefined) ?? 0n) + 1n
    await database.run(`DELETE FROM ${CURSORS} WHERE ${IS_OWN}`, own)
    await database.run(`INSERT INTO ${CURSORS} VALUES ($1, $2, $3, $4, $5, $6, now())`, [...own, logId, cursor, epoch])
    return new CursorRow(database, owner, epoch, cursor)
  }

  get cursor(): Cursor | undefined {
    return this.#stored ?? undefined
  }

  /**
   * Moves the row; `moved` is to be called once the transaction is committed. Throws SINK_FENCED if another opening
   * took it over, SINK_RESTORED if it is gone or older.
   */
  async move(cursor: Cursor): Promise<void> {
    const changed = await this.#database.run(
      `UPDATE ${CURSORS} SET cursor = $4, updated_at = now()
       WHERE ${IS_OWN} AND epoch = $5 AND cursor IS NOT DISTINCT FROM $6::VARCHAR`,
      [...ownerValues(this.#owner), cursor, this.#epoch, this.#stored],
    )
    if (changed !== 1) throw await this.#lost()
  }

  moved(cursor: Cursor): void {
    this.#stored = cursor
  }

  /** Throws as `move` does. In the transaction that writes. */
  async check(): Promise<void> {
    if ((await this.#readEpoch()) !== this.#epoch) throw await this.#lost()
  }

  async #readEpoch(): Promise<bigint | undefined> {
    const [row] = await this.#database.query(`SELECT epoch FROM ${CURSORS} WHERE ${IS_OWN}`, ownerValues(this.#owner))
    return row?.epoch as bigint | undefined
  }

  async #lost(): Promise<TailraceError> {
    const { path } = this.#database
    const epoch = await this.#readEpoch()
    if (epoch !== undefined && epoch > this.#epoch)
      return new TailraceError('SINK_FENCED', 'stop', `Another process writes to ${path}.`, {
        hint: 'Run one pipeline per target. Stop the other one, then resume this sink.',
      })
    return new TailraceError('SINK_RESTORED', 'retry', `The cursor in ${path} was removed or set back.`, {
      hint: 'The sink goes on from what the file now holds.',
    })
  }
}
