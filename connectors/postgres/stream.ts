import type { Batch } from '../../runtime/contract.ts'
import { UnitStream, type UnitStreamOptions } from '../common/unit-stream.ts'
import { formatLsn } from './position.ts'
import { type FeedOptions, WalFeed } from './wal-feed.ts'

export interface StreamOptions
  extends FeedOptions,
    Pick<UnitStreamOptions<bigint>, 'from' | 'tables' | 'announce' | 'identity'> {}

/** The changes of a slot as units. Positions are LSNs. */
export class ChangeStream {
  readonly #options: StreamOptions
  readonly #units: UnitStream<bigint>
  #feed: WalFeed | undefined

  constructor(options: StreamOptions) {
    this.#options = options
    this.#units = new UnitStream({ ...options, positions: { isBefore: (a, b) => a < b, format: formatLsn } })
  }

  /** As UnitStream.batches. */
  batches(signal: AbortSignal): AsyncGenerator<Batch> {
    return this.#units.batches(async () => {
      this.#feed = await WalFeed.open(this.#options, this.#units, signal)
      return this.#feed
    }, signal)
  }

  /** Everything before `lsn` is durable in the log. */
  ack(lsn: bigint): void {
    this.#units.ack(lsn)
  }

  /** 0 before a first unit is durable. */
  get durable(): bigint {
    return this.#units.durable ?? 0n
  }

  /** As UnitStream.hasten. */
  hasten(until: bigint, signal: AbortSignal): void {
    this.#units.hasten(until, signal)
  }

  /** Other tables are captured now. */
  forget(): void {
    this.#feed?.forget()
  }
}
