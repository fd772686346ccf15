import { type HttpAnswer, HttpConnections } from '../common/http.ts'
import { connectionError } from '../common/http-error.ts'
import type { Address } from './address.ts'
import { refusal } from './server-error.ts'

/** Without a byte from the server for so long, it does not answer. */
const SILENCE_MS = 120_000
/** Statements that copy or change whole tables say nothing until they are done. */
const PATIENCE_MS = 6 * 3_600_000
const CONNECTIONS = 4
/** Of what is no page of rows. */
const ANSWER_BYTES = 64 * 1024 * 1024
/** As much SQL as a table of the widest kind needs. An answer comes when all is done, and with it whether it is. */
const PARAMETERS = { wait_end_of_query: '1', max_query_size: String(4 * 1024 * 1024) }

export interface AskOptions {
  /** Exceptions of these codes are no errors. */
  readonly accept?: readonly number[]
  /** For a statement that may take long. */
  readonly isLong?: boolean
}

/** HTTP to one server, over a few connections that are kept. https://clickhouse.com/docs/interfaces/http */
export class Client implements AsyncDisposable {
  readonly server: string
  readonly database: string
  readonly #address: Address
  readonly #connections: HttpConnections

  constructor(address: Address) {
    this.#address = address
    this.server = address.server
    this.database = address.database
    this.#connections = new HttpConnections(address, CONNECTIONS)
  }

  /** Undefined: it threw an exception of a code in `accept`. Throws what any other means. */
  async ask(
    sql: string,
    signal: AbortSignal,
    { accept = [], isLong = false }: AskOptions = {},
  ): Promise<Buffer | undefined> {
    const silence = isLong ? PATIENCE_MS : SILENCE_MS
    const { bytes, code } = this.#read(
      (await this.#send(undefined, Buffer.from(sql), signal, ANSWER_BYTES, silence))!,
      accept,
    )
    return code === undefined ? bytes : undefined
  }

  /** What a query answers, undefined if that has more than `limit` bytes. */
  async page(sql: string, signal: AbortSignal, limit: number): Promise<Buffer | undefined> {
    const answer = await this.#send(undefined, Buffer.from(sql), signal, limit, SILENCE_MS)
    return answer === undefined ? undefined : this.#read(answer, []).bytes
  }

  /** Rows as `FORMAT JSONEachRow` has them. */
  async rows<R>(sql: string, signal: AbortSignal): Promise<R[]> {
    const bytes = (await this.ask(`${sql} FORMAT JSONEachRow`, signal))!
    const lines = bytes.toString().split('\n')
    return lines.filter(line => line !== '').map(line => JSON.parse(line) as R)
  }

  /** Durable when it resolves. `sql` names the format of the rows. */
  async insert(sql: string, rows: Uint8Array, signal: AbortSignal): Promise<void> {
    this.#read((await this.#send(sql, rows, signal, ANSWER_BYTES, SILENCE_MS))!, [])
  }

  #read(
    { status, headers, bytes }: HttpAnswer,
    accept: readonly number[],
  ): { bytes: Buffer; code: number | undefined } {
    const header = headers['x-clickhouse-exception-code']
    const code = header === undefined ? undefined : Number(header)
    if (status === 200 && code === undefined) return { bytes, code }
    if (code !== undefined && accept.includes(code)) return { bytes, code }
    throw refusal(this.server, status, code, bytes)
  }

  async #send(
    sql: string | undefined,
    body: Uint8Array,
    signal: AbortSignal,
    limit: number,
    silenceMs: number,
  ): Promise<HttpAnswer | undefined> {
    signal.throwIfAborted()
    const { authorization } = this.#address
    const parameters = new URLSearchParams({ ...PARAMETERS, ...(sql === undefined ? {} : { query: sql }) })
    const headers = {
      ...(authorization === undefined ? {} : { authorization }),
      'content-type': 'application/octet-stream',
      'content-length': body.length,
    }
    try {
      return await this.#connections.request(
        { method: 'POST', path: `/?${parameters}`, headers, body, silenceMs, limit },
        signal,
      )
    } catch (error) {
      signal.throwIfAborted()
      throw connectionError(`ClickHouse at ${this.server}`, error)
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#connections[Symbol.dispose]()
  }
}
