import { POSTGRES_EPOCH } from './position.ts'

/** Sends a status; `ask`: the server is to answer with a keepalive. */
export type SendStatus = (ask: boolean) => void

/** Without a timeout of the server's own. */
const DEFAULT_INTERVAL_MS = 10_000
const LARGEST_TICK_MS = 1000
const HASTE_MS = 20

/**
 * Standby status on timers of its own: soon after something became durable, well within the server's timeout also
 * while nothing is read, and every 20 ms while someone waits for the stream's position. An idle server is asked every
 * second how far its log has grown, which it would tell by itself only after half of its timeout.
 */
export class Keepalive {
  readonly #send: SendStatus
  readonly #intervalMs: number
  readonly #silence: () => number
  readonly #timer: NodeJS.Timeout
  #haste: NodeJS.Timeout | undefined
  #sentAt = performance.now()
  #changed = false

  /** `timeoutMs`: wal_sender_timeout, 0 for none. `silence`: milliseconds since the server sent anything. */
  constructor(send: SendStatus, timeoutMs: number, silence: () => number) {
    this.#send = send
    this.#silence = silence
    this.#intervalMs = timeoutMs === 0 ? DEFAULT_INTERVAL_MS : timeoutMs / 3
    this.#timer = setInterval(() => this.#tick(), Math.max(1, Math.min(LARGEST_TICK_MS, this.#intervalMs / 2)))
  }

  /** There is more to tell than was told. */
  changed(): void {
    this.#changed = true
  }

  now(ask: boolean): void {
    this.#sentAt = performance.now()
    this.#changed = false
    this.#send(ask)
  }

  /** Asks the server for its position, at once and again and again, until told otherwise. */
  hasten(on: boolean): void {
    if (on === (this.#haste !== undefined)) return
    clearInterval(this.#haste)
    this.#haste = undefined
    if (!on) return
    this.#haste = setInterval(() => this.now(true), HASTE_MS)
    this.now(true)
  }

  stop(): void {
    clearInterval(this.#timer)
    clearInterval(this.#haste)
  }

  #tick(): void {
    if (this.#silence() >= LARGEST_TICK_MS) this.now(true)
    else if (this.#changed || performance.now() - this.#sentAt >= this.#intervalMs) this.now(false)
  }
}

const STATUS_LENGTH = 34

/** A CopyData message with a standby status update. */
export function statusMessage(written: bigint, durable: bigint, ask: boolean): Buffer {
  const message = Buffer.alloc(5 + STATUS_LENGTH)
  message[0] = 0x64
  message.writeUInt32BE(4 + STATUS_LENGTH, 1)
  message[5] = 0x72
  message.writeBigUInt64BE(written, 6)
  message.writeBigUInt64BE(durable, 14)
  message.writeBigUInt64BE(durable, 22)
  message.writeBigInt64BE(BigInt(Date.now()) * 1000n - POSTGRES_EPOCH, 30)
  message[38] = ask ? 1 : 0
  return message
}
