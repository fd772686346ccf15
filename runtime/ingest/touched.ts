import type { Batch, ChangeView, Table } from '../contract.ts'
import { asBuffer } from '../record/cells.ts'

/** So many keys are remembered; beyond them all count as touched. */
const MOST = 50_000

/** Which keys of a table the stream has written since something was looked up. */
export class Touched {
  readonly #table: string
  readonly #keys = new Set<string>()
  #isAll = false

  constructor({ name }: Table) {
    this.#table = name
  }

  /** A truncate or another version of the table came, or too much: every key may have been. */
  get isAll(): boolean {
    return this.#isAll
  }

  get isNone(): boolean {
    return !this.#isAll && this.#keys.size === 0
  }

  has(key: Uint8Array): boolean {
    return this.#isAll || this.#keys.has(nameOf(key))
  }

  /** A batch of the stream was appended. */
  note(batch: Batch): void {
    const isMine = [...batch.tables].some(id => batch.registry.get(id)?.name === this.#table)
    if (!isMine || this.#isAll) return
    for (const change of batch) if (change.table.name === this.#table) this.#change(change)
  }

  #change({ kind, key }: ChangeView): void {
    if (kind === 't' || kind === 's' || this.#keys.size >= MOST) this.#isAll = true
    else if (kind !== 'm') this.#keys.add(nameOf(key))
  }
}

function nameOf(key: Uint8Array): string {
  return asBuffer(key).toString('latin1')
}
