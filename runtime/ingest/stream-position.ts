import { Bell } from '../abort.ts'
import type { Position, Source } from '../contract.ts'

/** How far the log has the stream, and waiting for it. */
export class StreamPosition {
  readonly #source: Pick<Source, 'covers' | 'hasten'>
  readonly #moved = new Bell()
  #position: Position | undefined

  constructor(source: Pick<Source, 'covers' | 'hasten'>, position: Position | undefined) {
    this.#source = source
    this.#position = position
  }

  move(position: Position): void {
    this.#position = position
    this.#moved.ring()
  }

  /** Resolves once the log has something of this stream. */
  async known(signal: AbortSignal): Promise<void> {
    while (this.#position === undefined) await this.#moved.wait(signal)
  }

  /** Resolves once everything up to here is durable; the source is asked to make haste. */
  async passed(high: Position, signal: AbortSignal): Promise<void> {
    if (this.#isPast(high)) return
    this.#source.hasten(high, signal)
    while (!this.#isPast(high)) await this.#moved.wait(signal)
  }

  #isPast(high: Position): boolean {
    return this.#position !== undefined && this.#source.covers(this.#position, high)
  }
}
