import type { z } from 'zod'
import { postgresConfig } from '../../connectors/postgres/config.ts'
import { PostgresSource } from '../../connectors/postgres/source.ts'
import type { Batch, Resume } from '../../runtime/contract.ts'
import { createLogger } from '../../runtime/logger.ts'
import { PaperLog } from './paper-log.ts'

const TIMEOUT_MS = 30_000

/** A PostgreSQL source with a log on paper, stopped and opened again as a test needs it. */
export class StreamRig {
  readonly log: PaperLog
  readonly pipeline: string
  readonly #options: z.input<typeof postgresConfig>

  constructor(url: string, options: Partial<z.input<typeof postgresConfig>> = {}, log = new PaperLog()) {
    this.#options = { url, tables: ['public.*'], ...options }
    // Slots belong to the server, not to the database.
    this.pipeline = new URL(url).pathname.slice(1).replaceAll('-', '_')
    this.log = log
  }

  get slot(): string {
    return this.#options.slot ?? `tailrace_${this.pipeline}_app`
  }

  open(): PostgresSource {
    const context = { pipeline: this.pipeline, name: 'app', logger: createLogger('silent'), folder: '' }
    return new PostgresSource(postgresConfig.parse(this.#options), context)
  }

  /** Starts, loads, streams until at a unit end it is enough, and stops. `each` is awaited before the next batch. */
  async run(
    until: () => boolean,
    { ack = true, each }: { ack?: boolean; each?: (batch: Batch) => Promise<void> } = {},
  ): Promise<void> {
    await using source = this.open()
    for await (const batch of this.stream(source, AbortSignal.timeout(TIMEOUT_MS))) {
      await each?.(batch)
      if (batch.end?.lane !== 'stream') continue
      if (ack) source.ack(batch.end.position)
      if (until()) return
    }
  }

  /** Starts and loads; the batches of the stream, each in the log already. */
  async *stream(source: PostgresSource, signal: AbortSignal, from = this.log.resume()): AsyncGenerator<Batch> {
    for (const request of await source.start(from, signal))
      for await (const chunk of source.load(request, signal)) this.log.append(chunk.rows)
    for await (const batch of source.changes(signal)) {
      this.log.append(batch)
      yield batch
    }
  }

  /** First load and the first unit. */
  async begin(): Promise<void> {
    await this.run(() => true)
  }

  /** How a start from here fails, or undefined. */
  async startError(from: Resume | undefined = this.log.resume()): Promise<unknown> {
    await using source = this.open()
    try {
      await source.start(from, AbortSignal.timeout(TIMEOUT_MS))
      return undefined
    } catch (error) {
      return error
    }
  }
}
