import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from '@jest/globals'
import type { LogBatch, Sink, SinkContext, Table, Target } from '../../runtime/contract.ts'
import type { Manifest } from '../../sinks/parquet/manifest.ts'
import parquet from '../../sinks/parquet.ts'
import { queryTable, readManifest } from './parquet-files.ts'
import { type Cells, ScriptedLog, tuple } from './scripted-log.ts'
import { LOG_ID, never, sinkContext } from './sink-rig.ts'

/** One test's folder of Parquet files, with a log to feed it from, read as a user reads it. */
export class ParquetPlace {
  readonly folder: string
  log = new ScriptedLog(LOG_ID)
  options: Record<string, unknown> = {}
  context: SinkContext = sinkContext()
  #target: Target | undefined
  #sink: Sink | undefined

  private constructor(folder: string) {
    this.folder = folder
  }

  static async make(): Promise<ParquetPlace> {
    return new ParquetPlace(await mkdtemp(join(tmpdir(), 'tailrace-parquet-')))
  }

  get config() {
    return parquet.config.parse({ path: this.folder, ...this.options })
  }

  async sink(): Promise<Sink> {
    this.#target ??= await parquet.open(this.config, this.context)
    this.#sink ??= await this.#target.sink({ name: 'app', logId: this.log.id }, never)
    return this.#sink
  }

  /** Ends with a set of all there is. */
  async close(): Promise<void> {
    const target = this.#target
    this.#target = undefined
    this.#sink = undefined
    await target?.[Symbol.asyncDispose]()
  }

  async write(batch: LogBatch): Promise<LogBatch> {
    expect(await (await this.sink()).write(batch, never)).toEqual({ rejected: [] })
    return batch
  }

  announce(...tables: readonly Table[]): Promise<LogBatch> {
    return this.write(
      this.log.batch(writer => {
        for (const each of tables) writer.announce(each)
      }),
    )
  }

  put(of: Table, ...cells: Cells): LogBatch {
    return this.log.batch(writer => writer.row('u', of, tuple(cells)))
  }

  manifest(): Promise<Manifest> {
    return readManifest(this.folder)
  }

  /** `sql` of the table as `t`, of a set that has everything. */
  async query(table: Table, sql: string): Promise<Record<string, unknown>[]> {
    await this.close()
    return queryTable(this.folder, table.name, sql)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
    await rm(this.folder, { recursive: true, force: true })
  }
}
