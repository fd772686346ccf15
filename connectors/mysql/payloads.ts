import { EventHeader, openEvent } from './binlog/event-header.ts'
import { payloadEvents } from './binlog/payload-events.ts'
import { parseTransactionPayload } from './binlog/transaction-payload.ts'

export interface PayloadsOptions {
  /** Bytes that an event may have. */
  readonly largest: number
  /** Takes an event of a payload; false: to be given again once `pending` has settled. */
  readonly take: (bytes: Buffer, header: EventHeader) => boolean
  readonly pending: () => Promise<void> | undefined
  /** While what was written waits to be taken, a promise of the moment when there is room. */
  readonly room: () => Promise<void> | undefined
}

/** Of an event's size in its header. */
const SIZE_AT = 9

/** Compressed transactions: their events come one after the other, as many at a time as there is room for. */
export class Payloads {
  readonly #options: PayloadsOptions
  /** It was walked to its end: the event that is given again needs no more. */
  #isDone = false
  /** Set when `take` answered false: settles when the same event can be given again. */
  pending: Promise<void> | undefined

  constructor(options: PayloadsOptions) {
    this.#options = options
  }

  /** A TRANSACTION_PAYLOAD. */
  take(bytes: Buffer, at: number, end: number): boolean {
    if (this.#isDone) {
      this.#isDone = false
      return true
    }
    this.pending = this.#expand(bytes, at, end).then(() => {
      this.#isDone = true
    })
    return false
  }

  async #expand(bytes: Buffer, at: number, end: number): Promise<void> {
    const { largest, take, pending, room } = this.#options
    const payload = parseTransactionPayload(bytes, at, end)
    const header = new EventHeader()
    for await (const run of payloadEvents(bytes, payload, largest))
      for (let from = run.at; from < run.end; ) {
        const next = from + run.bytes.readUInt32LE(from + SIZE_AT)
        openEvent(run.bytes, from, next, 'none', header)
        while (!take(run.bytes, header)) await pending()
        await room()
        from = next
      }
  }
}
