import type { SinkRow } from '../contract.ts'

/** From this size on a page of rows is handed on. */
const PAGE_BYTES = 1024 * 1024
/** What an empty cell takes. */
const CELL_BYTES = 16

/** Rows on their way out of a sink, gathered into pages that are bounded in bytes. */
export class RowPage {
  #rows: SinkRow[] = []
  #bytes = 0

  /** True when it is time to take the page. */
  add(row: SinkRow): boolean {
    this.#rows.push(row)
    this.#bytes += rowBytes(row)
    return this.#bytes >= PAGE_BYTES
  }

  get isEmpty(): boolean {
    return this.#rows.length === 0
  }

  take(): SinkRow[] {
    const rows = this.#rows
    this.#rows = []
    this.#bytes = 0
    return rows
  }
}

/** About what the row takes in memory. */
export function rowBytes({ key, cells }: SinkRow): number {
  let bytes = key.length
  for (const text of cells.values()) bytes += CELL_BYTES + (text?.length ?? 0)
  return bytes
}
