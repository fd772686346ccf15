import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from '@jest/globals'
import type { LogBatch, Sink, SinkContext, Table, Target } from '../../runtime/contract.ts'
import duckdb from '../../sinks/duckdb.ts'
import { queryFile } from './duckdb-client.ts'
import { type Cells, ScriptedLog, tuple } from './scripted-log.ts'
import { never, sinkContext } from './sink-rig.ts'

/** One test's database file, with a log to feed it from, read as a user reads it. */
export class DuckdbPlace {
  readonly folder: string
  readonly path: string
  readonly log = new ScriptedLog('5c21')
  options: Record<string, unknown> = {}
  context: SinkContext = sinkContext()
  #target: Target | undefined
  #sink: Sink | undefined

  private constructor(folder: string) {
    this.folder = folder
    this.path = join(folder, 'rows.duckdb')
  }

  static async make(): Promise<DuckdbPlace> {
    return new DuckdbPlace(await mkdtemp(join(tmpdir(), 'tailrace-duckdb-')))
  }

  async target(): Promise<Target> {
    this.#target ??= await duckdb.open(duckdb.config.parse({ path: this.path, ...this.options }), this.context)
    return this.#target
  }

  async sink(): Promise<Sink> {
    this.#sink ??= await (await this.target()).sink({ name: 'app', logId: this.log.id }, never)
    return this.#sink
  }

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

  /** What a user's own client sees, once the sink has let go of the file. */
  async query(sql: string): Promise<Record<string, unknown>[]> {
    await this.close()
    return queryFile(this.path, sql)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
    await rm(this.folder, { recursive: true, force: true })
  }
}
