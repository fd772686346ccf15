import { promisify } from 'node:util'
import { constants, gzip } from 'node:zlib'
import { type HttpAnswer, HttpConnections } from '../common/http.ts'
import { connectionError } from '../common/http-error.ts'
import type { Address } from './address.ts'
import { refusal } from './server-error.ts'

export type Method = 'GET' | 'PUT' | 'POST' | 'DELETE' | 'HEAD'

export interface Ask {
  readonly body?: unknown
  /** Answers of these are no errors. */
  readonly accept?: readonly number[]
}

export interface Answer {
  readonly status: number
  /** JSON; undefined where there is none. */
  readonly body: unknown
}

export interface Send {
  readonly bytes: Uint8Array
  readonly type: 'application/json' | 'application/x-ndjson'
}

/** Without a byte from the server for so long, it does not answer. */
const SILENCE_MS = 120_000
const CONNECTIONS = 4
/** Of what is no page of rows. */
const ANSWER_BYTES = 64 * 1024 * 1024
/** Small bodies do not gain by it. */
const GZIP_FROM = 1024
const GOOD = (status: number): boolean => status >= 200 && status < 300

/** HTTP to one cluster, over a few connections that are kept. */
export class Client implements AsyncDisposable {
  readonly server: string
  readonly #address: Address
  readonly #connections: HttpConnections
  readonly #compress: boolean

  constructor(address: Address, compress: boolean) {
    this.#address = address
    this.#compress = compress
    this.server = address.server
    this.#connections = new HttpConnections(address, CONNECTIONS)
  }

  /** Throws what the server's error means, unless its status is one of `accept`. */
  async ask(method: Method, path: string, signal: AbortSignal, { body, accept = [] }: Ask = {}): Promise<Answer> {
    const send: Send | undefined =
      body === undefined ? undefined : { bytes: Buffer.from(JSON.stringify(body)), type: 'application/json' }
    const { status, bytes } = (await this.send(method, path, signal, send, ANSWER_BYTES))!
    if (!GOOD(status) && !accept.includes(status)) throw refusal(this.server, status, bytes)
    return { status, body: parsed(bytes) }
  }

  /** Undefined if the answer has more than `limit` bytes. Throws only where there is none. */
  async send(
    method: Method,
    path: string,
    signal: AbortSignal,
    send: Send | undefined,
    limit: number,
  ): Promise<HttpAnswer | undefined> {
    signal.throwIfAborted()
    const { path: prefix, authorization } = this.#address
    const isPacked = this.#compress && (send?.bytes.length ?? 0) >= GZIP_FROM
    const bytes = isPacked ? await promisify(gzip)(send!.bytes, { level: constants.Z_BEST_SPEED }) : send?.bytes
    const headers = {
      ...(authorization === undefined ? {} : { authorization }),
      ...(send === undefined ? {} : { 'content-type': send.type, 'content-length': bytes!.length }),
      ...(isPacked ? { 'content-encoding': 'gzip' } : {}),
      ...(this.#compress ? { 'accept-encoding': 'gzip' } : {}),
    }
    const request = { method, path: prefix + path, headers, body: bytes, silenceMs: SILENCE_MS, limit }
    try {
      return await this.#connections.request(request, signal)
    } catch (error) {
      signal.throwIfAborted()
      throw connectionError(`The search engine at ${this.server}`, error)
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#connections[Symbol.dispose]()
  }
}

function parsed(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString())
  } catch {
    return undefined
  }
}
