import { createHash, createHmac } from 'node:crypto'
import { promisify } from 'node:util'
import { constants, gzip } from 'node:zlib'
import type { LogBatch, Sink, SinkContext, WriteResult } from '../../runtime/contract.ts'
import { registerSecret } from '../../runtime/logger.ts'
import { HttpConnections } from '../common/http.ts'
import { connectionError } from '../common/http-error.ts'
import type { Address } from './address.ts'
import { BatchBody } from './batch-body.ts'
import { refusalOf } from './server-error.ts'

/** Of an answer, which nobody reads but to know its status. */
const ANSWER_BYTES = 1024 * 1024
const GZIP_FROM = 1024

export interface HttpOptions {
  readonly secret?: string | undefined
  readonly headers: Readonly<Record<string, string>>
  readonly timeout: number
  readonly compress: boolean
}

/** Posts batches of one source, each once the one before was taken. Where it stands, the log's registry knows. */
export class HttpSink implements Sink {
  readonly #address: Address
  readonly #options: HttpOptions
  readonly #context: SinkContext
  readonly #source: { readonly name: string; readonly logId: string }
  readonly #connections: HttpConnections

  constructor(
    address: Address,
    options: HttpOptions,
    context: SinkContext,
    source: { readonly name: string; readonly logId: string },
  ) {
    this.#address = address
    this.#options = options
    this.#context = context
    this.#source = source
    this.#connections = new HttpConnections(address, 1)
    for (const secret of [options.secret, ...Object.values(options.headers)])
      if (secret !== undefined) registerSecret(secret)
  }

  /** Taken by the service when it resolves. A change that comes alone and is refused is named. */
  async write(batch: LogBatch, signal: AbortSignal, skip?: ReadonlySet<number>): Promise<WriteResult> {
    signal.throwIfAborted()
    using body = new BatchBody(this.#context, this.#source)
    let index = -1
    let last = -1
    for (const change of batch) {
      index++
      if (skip?.has(index) === true || change.kind === 's') continue
      body.add(change)
      last = index
    }
    if (body.count === 0) return { rejected: [] }
    const status = await this.#post(body, signal)
    if (status >= 200 && status < 300) return { rejected: [] }
    const refusal = refusalOf(this.#address.server, status, body.count)
    if (refusal !== undefined) throw refusal
    return { rejected: [{ index: last, reason: `the service answered ${status}` }] }
  }

  async #post(body: BatchBody, signal: AbortSignal): Promise<number> {
    const { secret, headers, timeout, compress } = this.#options
    const plain = body.end()
    const isPacked = compress && plain.length >= GZIP_FROM
    const bytes = isPacked ? await promisify(gzip)(plain, { level: constants.Z_BEST_SPEED }) : plain
    const { authorization, path } = this.#address
    const request = {
      method: 'POST',
      path,
      headers: {
        'user-agent': 'tailrace',
        ...(authorization === undefined ? {} : { authorization }),
        ...headers,
        'content-type': 'application/json',
        'content-length': bytes.length,
        ...(isPacked ? { 'content-encoding': 'gzip' } : {}),
        'idempotency-key': createHash('sha256').update(plain).digest('hex').slice(0, 32),
        ...(secret === undefined ? {} : { 'tailrace-signature': signature(secret, bytes) }),
      },
      body: bytes,
      silenceMs: timeout,
      limit: ANSWER_BYTES,
    }
    try {
      const answer = await this.#connections.request(request, signal)
      // What is so long was told with a status, which is not known: as good as none.
      return answer?.status ?? 502
    } catch (error) {
      signal.throwIfAborted()
      throw connectionError(`The service at ${this.#address.server}`, error)
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#connections[Symbol.dispose]()
  }
}

/** Over what is sent, with the time, so that a request that was overheard cannot be sent again for long. */
function signature(secret: string, bytes: Uint8Array): string {
  const time = Math.floor(Date.now() / 1000)
  return `t=${time},v1=${createHmac('sha256', secret).update(`${time}.`).update(bytes).digest('hex')}`
}
