import type { ChangeView, Chunk, LoadRequest, SinkRow, Table } from '../contract.ts'
import { keyText } from '../record/key.ts'
import type { Difference, TableReport, VerifyEvents } from '../verify-report.ts'
import { ahead } from './ahead.ts'
import { differingColumns } from './compare.ts'
import { confirm, type Finding } from './confirm.ts'
import { Meter } from './meter.ts'
import { SeenKeys } from './seen-keys.ts'
import type { Subject } from './subject.ts'
import { keyName, Suspects } from './suspects.ts'

/** Rows of the sink are held for so many rows of the source, by number and by size. */
const PAGE_ROWS = 1000
const PAGE_BYTES = 1024 * 1024
/** Keys that are looked at closely at a time. */
const GROUP = 2000

export interface TableOptions {
  readonly fix: boolean
  /** Differences in tables before this one. */
  readonly found: number
}

/**
 * Compares one table of a sink with the source while both move: at a glance each row of the source with the sink's,
 * then each key of the sink with those that the source had. What seems to differ is looked at closely
 * (confirm.ts), and only what then differs is told. Memory is bounded however much differs.
 */
export class TableComparison {
  readonly #subject: Subject
  readonly #request: LoadRequest
  readonly #options: TableOptions
  readonly #events: VerifyEvents
  readonly #suspects = new Suspects()
  readonly #seen = new SeenKeys()
  readonly #counts = { compared: 0, missing: 0, extra: 0, different: 0, fixed: 0, unsettled: 0 }
  /** As the source reads it now. */
  #table: Table

  constructor(subject: Subject, request: LoadRequest, events: VerifyEvents, options: TableOptions) {
    this.#subject = subject
    this.#request = request
    this.#events = events
    this.#options = options
    this.#table = subject.known(request.table)
  }

  /** Once: the state is that of one comparison. */
  async run(signal: AbortSignal): Promise<TableReport> {
    await this.#walkSource(signal)
    await this.#settle(signal)
    const { keepsDeleted } = this.#subject
    if (!keepsDeleted) {
      await this.#walkSink(signal)
      await this.#settle(signal)
    }
    const leftOut = keepsDeleted ? 'extra rows: the sink keeps what the source deletes (onDelete: ignore)' : null
    return { table: this.#table.name, isCompared: true, ...this.#counts, leftOut }
  }

  /** Rows at the source that the sink does not show. */
  async #walkSource(signal: AbortSignal): Promise<void> {
    const { source } = this.#subject
    const meter = this.#meter('source', this.#request.estimatedRows)
    const request: LoadRequest = { ...this.#request, readOnly: true }
    for await (const chunk of ahead(source.load(request, signal))) {
      this.#table = chunk.table
      await this.#subject.reached(chunk.fence.high, signal)
      for await (const { page, held } of ahead(this.#asked(chunk, signal))) {
        this.#compare(page, held)
        this.#counts.compared += page.keys.length
        await meter.add(page.keys.length, this.#found)
        if (this.#suspects.isFull) await this.#settle(signal)
      }
    }
  }

  /** The chunk's pages with what the sink holds of each. */
  async *#asked(
    chunk: Chunk,
    signal: AbortSignal,
  ): AsyncGenerator<{ page: Page; held: readonly (SinkRow | undefined)[] }> {
    for (const page of pagesOf(chunk))
      yield { page, held: await this.#subject.sink.get!(chunk.table, page.keys, signal) }
  }

  #compare(page: Page, held: readonly (SinkRow | undefined)[]): void {
    const shown = this.#subject.shown(this.#table)
    let i = 0
    for (const row of page.rows) {
      const key = page.keys[i]!
      const other = held[i++]
      if (other === undefined || differingColumns(row, other, shown) !== undefined) this.#suspects.add(key)
      this.#seen.add(key)
    }
  }

  /** Rows in the sink that the source did not show. */
  async #walkSink(signal: AbortSignal): Promise<void> {
    const meter = this.#meter('sink', this.#counts.compared)
    for await (const page of ahead(this.#subject.sink.rows!(this.#table, signal))) {
      for (const { key } of page) if (!this.#seen.has(key)) this.#suspects.add(key)
      await meter.add(page.length, this.#found)
      if (this.#suspects.isFull) await this.#settle(signal)
    }
  }

  async #settle(signal: AbortSignal): Promise<void> {
    const keys = this.#suspects.take()
    for (let at = 0; at < keys.length; at += GROUP) await this.#settleGroup(keys.slice(at, at + GROUP), signal)
  }

  async #settleGroup(keys: readonly Uint8Array[], signal: AbortSignal): Promise<void> {
    const { findings, unsettled } = await confirm(this.#subject, this.#request, keys, signal)
    const left = await this.#fix(findings, signal)
    for (const finding of findings) {
      const { key, kind, columns } = finding
      const fixed = left !== undefined && !left.has(keyName(key))
      this.#counts[kind]++
      if (fixed) this.#counts.fixed++
      const difference: Difference = { table: this.#table.name, key: keyText(key), kind, columns, fixed }
      await this.#events.difference(difference)
    }
    for (const key of unsettled) {
      this.#counts.unsettled++
      await this.#events.unsettled({ table: this.#table.name, key: keyText(key) })
    }
  }

  /** Names of the keys that do not equal the source's even so; undefined if nothing was to be mended. */
  async #fix(findings: readonly Finding[], signal: AbortSignal): Promise<ReadonlySet<string> | undefined> {
    if (!this.#options.fix || findings.length === 0) return undefined
    const keys = findings.map(({ key }) => key)
    await this.#subject.repair(this.#table, keys, signal)
    const again = await confirm(this.#subject, this.#request, keys, signal)
    return new Set([...again.findings.map(({ key }) => key), ...again.unsettled].map(keyName))
  }

  get #found(): number {
    const { missing, extra, different } = this.#counts
    return this.#options.found + missing + extra + different
  }

  #meter(walk: 'source' | 'sink', totalRows: number | null): Meter {
    return new Meter(this.#table.name, walk, totalRows, this.#events)
  }
}

/** Rows of a chunk and copies of their keys. */
interface Page {
  readonly keys: readonly Uint8Array[]
  /** Once, in the order of the keys. */
  readonly rows: Iterable<ChangeView>
}

/** A chunk in pages. The rows of each are to be iterated to their end before those of the next. */
function* pagesOf({ rows }: Chunk): Generator<Page> {
  const behind = rowsOf(rows)
  let keys: Uint8Array[] = []
  let bytes = 0
  const page = (): Page => {
    const count = keys.length
    const taken = { keys, rows: take(behind, count) }
    keys = []
    bytes = 0
    return taken
  }
  for (const row of rowsOf(rows)) {
    keys.push(Uint8Array.from(row.key))
    bytes += row.cells.length
    if (keys.length >= PAGE_ROWS || bytes >= PAGE_BYTES) yield page()
  }
  if (keys.length > 0) yield page()
}

function* rowsOf(changes: Iterable<ChangeView>): Generator<ChangeView, undefined> {
  for (const change of changes) if (change.kind === 'r') yield change
}

function* take(rows: Iterator<ChangeView, undefined>, count: number): Generator<ChangeView> {
  for (let i = 0; i < count; i++) yield rows.next().value!
}
