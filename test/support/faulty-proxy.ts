import { once } from 'node:events'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'

/**
 * What becomes of a write: it passes; the line is cut before the server has it, or before its answer comes; it is answered
 * in the server's place; or some items of a bulk request are, by their place, and the others pass.
 */
export type Fate = 'passes' | 'lost' | 'unanswered' | number | Told | ((item: number) => number | undefined)

/** An answer in the server's place. */
export interface Told {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
}

interface Answer extends Told {
  readonly bytes: Buffer
}

const TOLD = Buffer.from('{"error":{"type":"told_to"}}')
/** Headers of an answer that clients go by. */
const KEPT = ['x-clickhouse-exception-code']

/** A way to a server on which writes meet what one chooses. */
export class FaultyProxy implements AsyncDisposable {
  readonly #server: http.Server
  readonly #target: string
  readonly #isWrite: (url: string) => boolean
  /** Of the write with this number, counted from 1. */
  fate: (write: number) => Fate = () => 'passes'
  writes = 0

  private constructor(target: string, isWrite: (url: string) => boolean) {
    this.#target = target
    this.#isWrite = isWrite
    this.#server = http.createServer((request, response) => {
      this.#serve(request, response).catch(() => response.destroy())
    })
  }

  static async to(target: string, isWrite: (url: string) => boolean): Promise<FaultyProxy> {
    const proxy = new FaultyProxy(target, isWrite)
    proxy.#server.listen(0, '127.0.0.1')
    await once(proxy.#server, 'listening')
    return proxy
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  async #serve(request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
    const body = await buffer(request)
    const fate = this.#isWrite(request.url!) ? this.fate(++this.writes) : 'passes'
    if (fate === 'lost') return void response.destroy()
    const { status, bytes, headers } = await this.#answer(request, body, fate)
    if (fate === 'unanswered') return void response.destroy()
    response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(bytes)
  }

  async #answer(request: http.IncomingMessage, body: Buffer, fate: Fate): Promise<Answer> {
    if (typeof fate === 'number') return { status: fate, headers: {}, bytes: TOLD }
    if (typeof fate === 'object') return { ...fate, bytes: TOLD }
    if (typeof fate !== 'function') return await this.#pass(request, body)
    const items = itemsOf(body)
    const told = items.map((_, i) => fate(i))
    const passing = items.filter((_, i) => told[i] === undefined)
    const { bytes } =
      passing.length === 0 ? { bytes: Buffer.from('{"items":[]}') } : await this.#pass(request, Buffer.concat(passing))
    const answers = (JSON.parse(bytes.toString()) as { items: unknown[] }).items.values()
    const all = told.map(status =>
      status === undefined
        ? answers.next().value
        : { index: { status, error: { type: 'told_to', reason: 'told to' } } },
    )
    return { status: 200, headers: {}, bytes: Buffer.from(JSON.stringify({ items: all })) }
  }

  async #pass({ method, url, headers }: http.IncomingMessage, body: Buffer): Promise<Answer> {
    const type = headers['content-type']
    const answer = await fetch(this.#target + url!, {
      method: method!,
      ...(type === undefined ? {} : { headers: { 'content-type': type } }),
      ...(body.length === 0 ? {} : { body: new Uint8Array(body) }),
    })
    const kept = KEPT.flatMap(name => (answer.headers.has(name) ? [[name, answer.headers.get(name)!]] : []))
    const bytes = Buffer.from(await answer.arrayBuffer())
    return { status: answer.status, headers: Object.fromEntries(kept) as Told['headers'], bytes }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections()
    this.#server.close()
    await once(this.#server, 'close')
  }
}

/** The lines of each item of a bulk request. */
function itemsOf(body: Buffer): Buffer[] {
  const lines = body.toString().split('\n').slice(0, -1)
  const items: string[][] = []
  for (const line of lines) {
    const before = items.at(-1)
    if (before?.length === 1 && before[0]!.startsWith('{"index":')) before.push(line)
    else items.push([line])
  }
  return items.map(item => Buffer.from(`${item.join('\n')}\n`))
}
