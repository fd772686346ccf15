import http from 'node:http'
import https from 'node:https'
import { pipeline, type Readable } from 'node:stream'
import { promisify } from 'node:util'
import { constants, createGunzip, gzip } from 'node:zlib'
import { type Address, serverName } from './address.ts'
import { connectionError, refusal } from './server-error.ts'

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

export interface RawAnswer {
  readonly status: number
  readonly bytes: Buffer
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

/** HTTP to one cluster, over a few connections that are kept. Redirects are not followed. */
export class Client implements AsyncDisposable {
  readonly server: string
  readonly #address: Address
  readonly #agent: http.Agent | https.Agent
  readonly #compress: boolean

  constructor(address: Address, compress: boolean) {
    this.#address = address
    this.#compress = compress
    this.server = serverName(address)
    const options = { keepAlive: true, maxSockets: CONNECTIONS }
    this.#agent = address.tls === undefined ? new http.Agent(options) : new https.Agent({ ...options, ...address.tls })
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
  ): Promise<RawAnswer | undefined> {
    signal.throwIfAborted()
    const { host, port, prefix, authorization, tls } = this.#address
    const isPacked = this.#compress && (send?.bytes.length ?? 0) >= GZIP_FROM
    const bytes = isPacked ? await promisify(gzip)(send!.bytes, { level: constants.Z_BEST_SPEED }) : send?.bytes
    const headers: http.OutgoingHttpHeaders = {
      ...(authorization === undefined ? {} : { authorization }),
      ...(send === undefined ? {} : { 'content-type': send.type, 'content-length': bytes!.length }),
      ...(isPacked ? { 'content-encoding': 'gzip' } : {}),
      ...(this.#compress ? { 'accept-encoding': 'gzip' } : {}),
    }
    try {
      return await new Promise((resolve, reject) => {
        const { request } = tls === undefined ? http : https
        const asking = request(
          { agent: this.#agent, host, port, method, path: prefix + path, headers, signal, timeout: SILENCE_MS },
          response => void collect(response, limit).then(resolve, reject),
        )
        asking.on('timeout', () => asking.destroy(new Error(`no answer for ${SILENCE_MS / 1000} s`)))
        asking.on('error', reject)
        asking.end(bytes)
      })
    } catch (error) {
      signal.throwIfAborted()
      throw connectionError(this.server, error)
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#agent.destroy()
  }
}

async function collect(response: http.IncomingMessage, limit: number): Promise<RawAnswer | undefined> {
  const body = response.headers['content-encoding'] === 'gzip' ? unpacked(response) : response
  const parts: Buffer[] = []
  let size = 0
  for await (const part of body) {
    size += (part as Buffer).length
    // Leaving the loop ends the answer, and its connection.
    if (size > limit) return undefined
    parts.push(part as Buffer)
  }
  return { status: response.statusCode ?? 0, bytes: Buffer.concat(parts) }
}

function unpacked(response: http.IncomingMessage): Readable {
  // An error of either reaches whoever reads.
  return pipeline(response, createGunzip(), () => {})
}

function parsed(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString())
  } catch {
    return undefined
  }
}
