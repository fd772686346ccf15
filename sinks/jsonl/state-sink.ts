import { join } from 'node:path'
import { abortable } from '../../runtime/abort.ts'
import type { LoggedChange, SinkRow, Table } from '../../runtime/contract.ts'
import { errorMessage } from '../../runtime/errors.ts'
import { keyFromTexts } from '../../runtime/record/key.ts'
import { isRowChange } from '../../runtime/record/row-change.ts'
import { RowPage } from '../../runtime/record/row-pages.ts'
import { type ExactJson, parseExact, textOfJson } from '../../runtime/record/text.ts'
import { currentLines } from './current-lines.ts'
import { foldFiles, KeyParts, type StateRow, valueText } from './fold.ts'
import { deleteLine, keyJson, keyOfLines, type Lines, upsertLine } from './lines.ts'
import { JsonlSink } from './sink.ts'
import { Snapshot } from './snapshot.ts'
import type { TableFolder } from './table-folder.ts'

/** Below this a table is not worth compacting. */
const SMALLEST_COMPACTED = 1024 * 1024

/** Keeps the current rows: a line per change, the last of a key wins; compacted when more than half is dead. */
export class StateSink extends JsonlSink {
  protected readonly forgetsFormerLives = true
  #readings = 0

  protected encode(change: LoggedChange, into: Lines): number {
    const { kind, table } = change
    if (!isRowChange(change)) return 0
    const key = keyJson(table, change.key, this.cursorFile.log, change.version)
    if (kind !== 'd') {
      upsertLine(into, change, key)
      return kind === 'u' ? 1 : 0
    }
    const { onDelete } = this.context
    // The old key of a moved row is not a deleted row: it is gone whatever becomes of deletes.
    if (onDelete === 'ignore' && change.moved === undefined) return 0
    const mark = onDelete === 'mark'
    deleteLine(into, key, mark)
    return mark ? 1 : 2
  }

  protected async settle(folder: TableFolder, signal: AbortSignal): Promise<void> {
    const { lines, dead } = folder.counts
    if (dead * 2 <= lines || folder.bytes < SMALLEST_COMPACTED) return
    let live = 0
    const scratch = join(folder.path, 'scratch.tmp')
    try {
      await using parts = await KeyParts.of(folder.parts(), scratch, signal)
      const count = (rows: number): void => {
        live += rows
      }
      await folder.replace(
        currentLines(parts, () => true, count, signal),
        () => ({ ...this.committed(), lines: live, dead: 0 }),
      )
    } catch (error) {
      // The batch is committed and the files say the same as before: a later batch tries again.
      if (!signal.aborted)
        this.context.logger.warn({ sink: this.context.name, reason: errorMessage(error) }, 'compaction failed')
    }
  }

  /** Walks over the whole table: its lines are in no order. */
  async get(table: Table, keys: readonly Uint8Array[], signal: AbortSignal): Promise<(SinkRow | undefined)[]> {
    signal.throwIfAborted()
    const names = keys.map(key => keyOfLines(table, key))
    const folder = this.folderIfAny(table)
    if (folder === undefined) return keys.map(() => undefined)
    await using snapshot = await this.#snapshot(folder, signal)
    const rows = await this.reading(() => foldFiles(snapshot.parts, signal, new Set(names)))
    const found: (SinkRow | undefined)[] = []
    for (const [i, name] of names.entries()) {
      const row = rows.get(name)
      const isThere = row !== undefined && !row.deleted
      found.push(isThere ? { key: keys[i]!, cells: await this.reading(() => cellsOf(table, row)) } : undefined)
    }
    return found
  }

  /** All rows as of the call. */
  async *rows(table: Table, signal: AbortSignal): AsyncGenerator<readonly SinkRow[]> {
    signal.throwIfAborted()
    const folder = this.folderIfAny(table)
    if (folder === undefined) return
    await using snapshot = await this.#snapshot(folder, signal)
    const scratch = join(folder.path, `read-${++this.#readings}.tmp`)
    await using parts = await this.reading(() => KeyParts.of(snapshot.parts, scratch, signal))
    const page = new RowPage()
    for (const files of parts.files) {
      for (const row of (await this.reading(() => foldFiles(files, signal))).values()) {
        if (row.deleted) continue
        const cells = await this.reading(() => cellsOf(table, row))
        if (!page.add({ key: keyOfRow(table, row), cells })) continue
        yield page.take()
        signal.throwIfAborted()
      }
    }
    if (!page.isEmpty) yield page.take()
  }

  /** Waits for what is being written or compacted. */
  async #snapshot(folder: TableFolder, signal: AbortSignal): Promise<Snapshot> {
    const taking = this.exclusive(() => Snapshot.of(folder))
    try {
      return await abortable(taking, signal)
    } catch (error) {
      // Nobody is left to close one that comes later, or to hear why there is none.
      taking.then(late => late[Symbol.asyncDispose]()).catch(() => {})
      throw error
    }
  }
}

function keyOfRow(table: Table, row: StateRow): Uint8Array {
  const values = parseExact(row.key) as readonly ExactJson[]
  if (table.key.length === 0) return keyFromTexts(values.map(value => JSON.stringify(value).replaceAll('"', '')))
  return keyFromTexts(table.key.map((column, i) => textOfJson(table.columns[column]!, values[i]!)!))
}

async function cellsOf(table: Table, row: StateRow): Promise<Map<string, string | null>> {
  const values = new Map(Object.entries(parseExact(await valueText(row)) as { [name: string]: ExactJson }))
  const cells = new Map<string, string | null>()
  for (const column of table.columns) {
    const value = values.get(column.name)
    if (value !== undefined) cells.set(column.name, textOfJson(column, value))
  }
  return cells
}
