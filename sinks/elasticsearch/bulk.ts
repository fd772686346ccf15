import { sleep } from '../../runtime/abort.ts'
import { TailraceError } from '../../runtime/errors.ts'
import type { Client } from './client.ts'
import { refusal, refusalOf, rowRefusal, type ServerError } from './server-error.ts'

/** What is sent at once: some of it in each batch, so that the server has work while the last of it is answered. */
const REQUEST_BYTES = 512 * 1024
/** Memory for one more document behind that. */
const ROOM_BYTES = 256 * 1024
const IN_FLIGHT = 2
/** Pauses before what the server had no room for is sent again; behind the last one the supervisor has a turn. */
const PAUSES_MS = [50, 100, 200, 400, 800, 1600, 3200, 6400]
const ANSWER_BYTES = 64 * 1024 * 1024
/** Every item's status, in the order of the items. */
const PARTS =
  'items.*.status,items.*.error.type,items.*.error.reason,items.*.error.caused_by.type,items.*.error.caused_by.reason'

export interface Refused {
  readonly index: number
  readonly reason: string
}

interface Operation {
  /** Place of the change in its batch. */
  readonly index: number
  readonly from: number
  readonly to: number
}

interface Item {
  readonly status: number
  readonly error?: ServerError
}

/** Writes at most one document of each id, through the alias that goes with its index, in requests of half a MB, or of one document. */
export class Bulk {
  readonly #client: Client
  readonly #path: string
  readonly #signal: AbortSignal
  readonly #refused: Refused[] = []
  #inFlight: Promise<void>[] = []
  #bytes: Buffer = Buffer.allocUnsafeSlow(REQUEST_BYTES + ROOM_BYTES)
  #at = 0
  #operations: Operation[] = []

  /** `refresh`: when readers find what was written, in the words of the engines. */
  constructor(client: Client, refresh: string, signal: AbortSignal) {
    this.#client = client
    this.#signal = signal
    this.#path = `/_bulk?require_alias=true&refresh=${refresh}&filter_path=${PARTS}`
  }

  get isFull(): boolean {
    return this.#at >= REQUEST_BYTES
  }

  /** `write` puts the document into the bytes given, as `toJson` does; undefined: the document is removed. */
  add(
    index: number,
    alias: string,
    id: string,
    version: bigint | string,
    write: ((into: Buffer, at: number) => number) | undefined,
    room = 0,
  ): void {
    const from = this.#at
    const head = `{"${write === undefined ? 'delete' : 'index'}":{"_index":${JSON.stringify(alias)},"_id":${JSON.stringify(id)},"version":${version},"version_type":"external_gte"}}\n`
    this.#reserve(3 * head.length + room)
    this.#at += this.#bytes.write(head, this.#at)
    if (write !== undefined) {
      for (;;) {
        const end = write(this.#bytes, this.#at)
        if (end !== -1 && end < this.#bytes.length) {
          this.#bytes[end] = 0x0a
          this.#at = end + 1
          break
        }
        this.#reserve(2 * (this.#bytes.length - this.#at))
      }
    }
    this.#operations.push({ index, from, to: this.#at })
  }

  /** Sends what was added, and waits while too much is on its way. */
  async send(): Promise<void> {
    if (this.#operations.length === 0) return
    const [bytes, operations] = [this.#bytes.subarray(0, this.#at), this.#operations]
    this.#bytes = Buffer.allocUnsafeSlow(REQUEST_BYTES + ROOM_BYTES)
    this.#at = 0
    this.#operations = []
    const sent: Promise<void> = this.#deliver(bytes, operations).finally(() => {
      this.#inFlight = this.#inFlight.filter(other => other !== sent)
    })
    sent.catch(() => {})
    this.#inFlight.push(sent)
    if (this.#inFlight.length >= IN_FLIGHT) await Promise.race(this.#inFlight)
  }

  /** Sends the rest. Resolves once all is durable but what is named. */
  async done(): Promise<readonly Refused[]> {
    await this.send()
    await Promise.all(this.#inFlight)
    return this.#refused
  }

  #reserve(room: number): void {
    if (this.#at + room <= this.#bytes.length) return
    const grown = Buffer.allocUnsafeSlow(Math.max(2 * this.#bytes.length, this.#at + room))
    this.#bytes.copy(grown, 0, 0, this.#at)
    this.#bytes = grown
  }

  async #deliver(bytes: Buffer, operations: readonly Operation[]): Promise<void> {
    let [body, waiting] = [bytes, operations]
    for (const pause of [...PAUSES_MS, undefined]) {
      const busy = await this.#attempt(body, waiting, pause === undefined)
      if (busy.length === 0) return
      await sleep(pause!, this.#signal)
      if (busy.length === waiting.length) continue
      body = Buffer.concat(busy.map(({ from, to }) => body.subarray(from, to)))
      let at = 0
      waiting = busy.map(({ index, from, to }) => {
        const start = at
        at += to - from
        return { index, from: start, to: at }
      })
    }
  }

  /** Answers those that the server had no room for, in their order. `isLast`: throws then. */
  async #attempt(body: Buffer, operations: readonly Operation[], isLast: boolean): Promise<readonly Operation[]> {
    const { server } = this.#client
    const send = { bytes: body, type: 'application/x-ndjson' } as const
    const answer = (await this.#client.send('POST', this.#path, this.#signal, send, ANSWER_BYTES))!
    if (answer.status === 413 && operations.length === 1) {
      this.#refused.push({
        index: operations[0]!.index,
        reason: 'larger than the server takes (http.max_content_length)',
      })
      return []
    }
    if (answer.status === 429 && !isLast) return operations
    if (answer.status !== 200) throw refusal(server, answer.status, answer.bytes)
    const { items = [] } = JSON.parse(answer.bytes.toString()) as { readonly items?: readonly Record<string, Item>[] }
    if (items.length !== operations.length)
      throw new TailraceError(
        'SINK_UNREACHABLE',
        'retry',
        `The server at ${server} answered ${items.length} of ${operations.length} items.`,
      )
    return operations.filter((operation, i) => {
      const [item] = Object.values(items[i]!)
      return this.#isBusy(item!, operation, isLast)
    })
  }

  #isBusy({ status, error = {} }: Item, { index }: Operation, isLast: boolean): boolean {
    // 404: a document to be removed was not there. 409: a newer one is.
    if (status < 300 || status === 409 || (status === 404 && error.type === undefined)) return false
    if (status === 429 && !isLast) return true
    if (status !== 400) throw refusalOf(this.#client.server, status, error)
    this.#refused.push({ index, reason: rowRefusal(error) })
    return false
  }
}
