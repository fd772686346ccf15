import { createHmac } from 'node:crypto'
import { once } from 'node:events'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { gunzipSync } from 'node:zlib'

export interface Received {
  readonly headers: http.IncomingHttpHeaders
  readonly body: {
    readonly pipeline: string
    readonly sink: string
    readonly source: string
    readonly log: string
    readonly changes: readonly {
      readonly cursor: string
      readonly table: string
      readonly key: Readonly<Record<string, unknown>> | null
      readonly value: { readonly op: string; readonly after: Readonly<Record<string, unknown>> | null }
    }[]
  }
  /** Its signature is right. */
  readonly isSigned: boolean
}

/** What it answers; `cut`: nothing, the line ends. `never`: nothing at all. */
export type Verdict = number | 'cut' | 'never'

/** A web service that takes batches, as one of a user's would. */
export class HttpReceiver implements AsyncDisposable {
  readonly received: Received[] = []
  /** Of the request with this number, counted from 1. What it answers well it has taken, also if the line is cut. */
  verdict: (request: number, received: Received) => Verdict = () => 204
  readonly #secret: string
  readonly #server: http.Server
  #requests = 0

  private constructor(secret: string) {
    this.#secret = secret
    this.#server = http.createServer((request, response) => {
      this.#serve(request, response).catch(() => response.destroy())
    })
  }

  static async start(secret = ''): Promise<HttpReceiver> {
    const receiver = new HttpReceiver(secret)
    receiver.#server.listen(0, '127.0.0.1')
    await once(receiver.#server, 'listening')
    return receiver
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/changes?of=shop`
  }

  /** Every change taken so far once, as a service sees them that knows which cursors it has had. */
  get changes(): Received['body']['changes'] {
    const seen = new Set<string>()
    return this.received
      .flatMap(({ body }) => body.changes)
      .filter(({ cursor }) => !seen.has(cursor) && seen.add(cursor) !== undefined)
  }

  async #serve(request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
    const sent = await buffer(request)
    const { headers } = request
    const plain = headers['content-encoding'] === 'gzip' ? gunzipSync(sent) : sent
    const received: Received = {
      headers,
      body: JSON.parse(plain.toString()) as Received['body'],
      isSigned: this.#isSigned(headers['tailrace-signature'], sent),
    }
    const verdict = this.verdict(++this.#requests, received)
    if (verdict === 'never') return
    if (verdict === 'cut' || verdict < 300) this.received.push(received)
    if (verdict === 'cut') response.destroy()
    else response.writeHead(verdict, verdict === 302 ? { location: 'http://127.0.0.1:1/' } : {}).end()
  }

  #isSigned(header: string | string[] | undefined, sent: Buffer): boolean {
    const [, time, given] = /^t=(\d+),v1=([0-9a-f]{64})$/.exec(String(header)) ?? []
    if (time === undefined || Math.abs(Date.now() / 1000 - Number(time)) > 60) return false
    return createHmac('sha256', this.#secret).update(`${time}.`).update(sent).digest('hex') === given
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections()
    this.#server.close()
    await once(this.#server, 'close')
  }
}
