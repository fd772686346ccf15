/** A MySQL or MariaDB source with its embedded log, as a pipeline runs them. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import mysql from '../../../connectors/mysql.ts'
import type { LoggedChange, SourceLog } from '../../../runtime/contract.ts'
import embedded from '../../../runtime/log/embedded.ts'
import { createLogger } from '../../../runtime/logger.ts'
import { keyText } from '../../../runtime/record/key.ts'
import { CellTag } from '../../../runtime/record/layout.ts'
import { SourcePart } from '../../../runtime/source-part.ts'
import type { MysqlOptions } from './source-run.ts'

const TIMEOUT_MS = 60_000

/** Of a row as the log has it; `undefined` for a cell that is absent. */
export type LoggedCells = readonly (string | null | undefined)[]

export class LoggedPart implements AsyncDisposable {
  readonly part: SourcePart
  readonly log: SourceLog
  readonly #folder: string

  private constructor(options: MysqlOptions, log: SourceLog, folder: string) {
    this.log = log
    this.#folder = folder
    const context = { pipeline: 'parity', name: 'app', logger: createLogger('silent'), folder }
    this.part = new SourcePart({ name: 'app', plugin: mysql, options: mysql.config.parse(options) }, log, context)
    this.part.supervisor.start(false)
  }

  static async open(options: MysqlOptions): Promise<LoggedPart> {
    const folder = await mkdtemp(join(tmpdir(), 'tailrace-parity-'))
    const context = { pipeline: 'parity', name: 'app', logger: createLogger('silent'), folder }
    const log = await embedded.open(embedded.config.parse({ path: folder, segmentBytes: '16MB' }), context)
    return new LoggedPart(options, log, folder)
  }

  /** Every change in the log, once it has what was committed before the call; throws what the source failed with. */
  async changes(take: (change: LoggedChange) => void): Promise<void> {
    const signal = AbortSignal.timeout(TIMEOUT_MS)
    const until = await Promise.race([this.part.reached(signal), this.#failed(signal)])
    for await (const batch of this.log.read('start', () => true, signal)) {
      for (const change of batch) take(change)
      if (this.log.compare(batch.cursor, until) !== 'before') return
    }
  }

  /** The newest row of each key of a table, by `keyText`. */
  async rows(table: string): Promise<Map<string, LoggedCells>> {
    const rows = new Map<string, LoggedCells>()
    await this.changes(change => {
      if (change.table.table !== table || change.kind === 's') return
      const key = keyText(change.key)
      if (change.kind === 'd') rows.delete(key)
      else rows.set(key, cellsOf(change))
    })
    return rows
  }

  /** The same, once no cell of them is absent: rows that lack some are read again by themselves. */
  async wholeRows(table: string): Promise<Map<string, LoggedCells>> {
    const deadline = Date.now() + TIMEOUT_MS
    for (;;) {
      const rows = await this.rows(table)
      if ([...rows.values()].every(cells => !cells.includes(undefined))) return rows
      if (Date.now() > deadline) throw new Error('rows are not whole')
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.part.supervisor.stop()
    await this.log[Symbol.asyncDispose]()
    await rm(this.#folder, { recursive: true, force: true })
  }

  async #failed(signal: AbortSignal): Promise<never> {
    const { supervisor } = this.part
    while (supervisor.state !== 'failed') await supervisor.changed(signal)
    throw supervisor.error!
  }
}

export function cellsOf(change: LoggedChange): LoggedCells {
  return change.table.columns.map((_, i) => (change.tag(i) === CellTag.absent ? undefined : change.text(i)))
}
