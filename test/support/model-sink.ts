import type { Cursor, LogBatch, SourceLog } from '../../runtime/contract.ts'
import { errorCode } from '../../runtime/errors.ts'

/** A sink as the promise to sinks has it: it keeps its cursor, may stop at any batch, and goes on where it was admitted. */
export class ModelSink {
  readonly name: string
  rows = new Map<string, string | null>()
  cursor: Cursor | undefined
  #batches: AsyncIterator<LogBatch> | undefined

  constructor(name: string) {
    this.name = name
  }

  /** Takes some batches, of few rows each. Answers whether it stands at the end. */
  async step(log: SourceLog, batches: number): Promise<boolean> {
    for (let i = 0; i < batches; i++) {
      const end = log.end()
      if (end === undefined || this.cursor === end) return true
      this.#batches ??= await this.#begin(log)
      try {
        const { value: batch } = await this.#batches.next()
        this.#apply(batch)
      } catch (error) {
        this.stop()
        if (errorCode(error) !== 'CURSOR_EXPIRED') throw error
      }
    }
    return this.cursor === log.end()
  }

  /** Of its process; what it has applied stays. */
  stop(): void {
    void this.#batches?.return?.()
    this.#batches = undefined
  }

  /** An earlier copy of its target. */
  copy(): { rows: Map<string, string | null>; cursor: Cursor | undefined } {
    return { rows: new Map(this.rows), cursor: this.cursor }
  }

  restore(copy: { rows: Map<string, string | null>; cursor: Cursor | undefined }): void {
    this.stop()
    this.rows = new Map(copy.rows)
    this.cursor = copy.cursor
  }

  /** What its process tells the log from time to time, while it runs. */
  async save(log: SourceLog): Promise<void> {
    if (this.#batches !== undefined && this.cursor !== undefined) await log.readers.save(this.name, this.cursor)
  }

  async #begin(log: SourceLog): Promise<AsyncIterator<LogBatch>> {
    await log.readers.register(this.name)
    const after = await log.readers.admit!(this.name, this.cursor)
    if (after === 'start') {
      this.rows = new Map()
      this.cursor = undefined
    }
    return log
      .read(after, () => true, new AbortController().signal, { maxRows: 5, isAdmitted: true })
      [Symbol.asyncIterator]()
  }

  #apply(batch: LogBatch): void {
    for (const change of batch) {
      if (change.kind === 't') this.rows.clear()
      else if (change.kind === 'd') this.rows.delete(change.before(0)!)
      else if (change.kind !== 's') this.rows.set(change.text(0)!, change.text(1))
    }
    this.cursor = batch.cursor
  }
}
