import { once } from 'node:events'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'

/**
 * What becomes of a bulk request: it passes; the line is cut before the server has it, or before its answer comes; it is
 * answered with a status in the server's place; or some of its items are, by their place, and the others pass.
 */
export type Fate = 'passes' | 'lost' | 'unanswered' | number | ((item: number) => number | undefined)

interface Answer {
  readonly status: number
  readonly bytes: Buffer
}

/** A way to a search engine on which bulk requests meet what one chooses. */
export class FaultyProxy implements AsyncDisposable {
  readonly #server: http.Server
  readonly #target: string
  /** Of the bulk request with this number, counted from 1. */
  fate: (bulk: number) => Fate = () => 'passes'
  bulks = 0

  private constructor(target: string) {
    this.#target = target
    this.#server = http.createServer((request, response) => {
      this.#serve(request, response).catch(() => response.destroy())
    })
  }

  static async to(target: string): Promise<FaultyProxy> {
    const proxy = new FaultyProxy(target)
    proxy.#server.listen(0, '127.0.0.1')
    await once(proxy.#server, 'listening')
    return proxy
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  async #serve(request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
    const body = await buffer(request)
    const fate = request.url!.startsWith('/_bulk') ? this.fate(++this.bulks) : 'passes'
    if (fate === 'lost') return void response.destroy()
    const { status, bytes } = await this.#answer(request, body, fate)
    if (fate === 'unanswered') return void response.destroy()
    response.writeHead(status, { 'content-type': 'application/json' }).end(bytes)
  }

  async #answer(request: http.IncomingMessage, body: Buffer, fate: Fate): Promise<Answer> {
    if (typeof fate === 'number') return { status: fate, bytes: Buffer.from('{"error":{"type":"told_to"}}') }
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
    return { status: 200, bytes: Buffer.from(JSON.stringify({ items: all })) }
  }

  async #pass({ method, url, headers }: http.IncomingMessage, body: Buffer): Promise<Answer> {
    const type = headers['content-type']
    const answer = await fetch(this.#target + url!, {
      method: method!,
      ...(type === undefined ? {} : { headers: { 'content-type': type } }),
      ...(body.length === 0 ? {} : { body: new Uint8Array(body) }),
    })
    return { status: answer.status, bytes: Buffer.from(await answer.arrayBuffer()) }
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
