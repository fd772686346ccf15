import { Socket } from 'node:net'

/** Bytes taken by one read at most. */
export const READ_BUFFER = 256 * 1024

/**
 * A socket whose reads land in one buffer that is used again and again. Until `takeOver` they are handed on as `data`
 * events, so that a driver can use it for TLS and login; then `onRead` gets them in place and answers whether to read
 * on (false: until `resume`).
 */
export class DirectSocket {
  readonly socket: Socket
  #onRead: ((bytes: Buffer, length: number) => boolean) | undefined

  constructor() {
    const buffer = Buffer.allocUnsafeSlow(READ_BUFFER)
    this.socket = new Socket({
      onread: {
        buffer,
        callback: length => {
          if (this.#onRead !== undefined) return this.#onRead(buffer, length)
          this.socket.emit('data', Buffer.from(buffer.subarray(0, length)))
          return true
        },
      },
    })
  }

  takeOver(onRead: (bytes: Buffer, length: number) => boolean): void {
    this.#onRead = onRead
  }

  /** Reads are `data` events again. */
  giveBack(): void {
    this.#onRead = undefined
  }
}
