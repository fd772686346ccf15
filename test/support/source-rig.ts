import type { Batch, Resume, Source } from '../../runtime/contract.ts'
import { PaperLog } from './paper-log.ts'

const TIMEOUT_MS = 30_000

/** A source with a log on paper, stopped and opened again as a test needs it. */
export class SourceRig<S extends Source> {
  readonly log: PaperLog
  /** An instance as after a restart. */
  readonly open: () => S
  readonly #timeoutMs: number

  constructor(open: () => S, log = new PaperLog(), timeoutMs = TIMEOUT_MS) {
    this.open = open
    this.log = log
    this.#timeoutMs = timeoutMs
  }

  /** Starts, loads, streams until at a unit end it is enough, and stops. `each` is awaited before the next batch. */
  async run(
    until: () => boolean,
    { ack = true, each }: { ack?: boolean; each?: (batch: Batch) => Promise<void> } = {},
  ): Promise<void> {
    await using source = this.open()
    for await (const batch of this.stream(source, AbortSignal.timeout(this.#timeoutMs))) {
      await each?.(batch)
      if (batch.end?.lane !== 'stream') continue
      if (ack) source.ack(batch.end.position)
      if (until()) return
    }
  }

  /** Starts and loads; the batches of the stream, each in the log already. */
  async *stream(source: S, signal: AbortSignal, from = this.log.resume()): AsyncGenerator<Batch> {
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
      await source.start(from, AbortSignal.timeout(this.#timeoutMs))
      return undefined
    } catch (error) {
      return error
    }
  }

  /** How the stream fails. */
  async streamError(): Promise<unknown> {
    try {
      await this.run(() => false)
      return undefined
    } catch (error) {
      return error
    }
  }
}
