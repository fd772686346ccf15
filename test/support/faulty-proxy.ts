import { once } from 'node:events'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'

/**
 * What becomes of a request: it passes; the line is cut before the server has it, or before its answer comes; it is
 * answered in the server's place; or, of a bulk request, some of its items are, by their place, and the others pass.
 */
export type Fate = 'passes' | 'lost' | 'unanswered' | number | Told | ((item: number) => number | undefined)

/** An answer in the server's place. */
export interface Told {
  readonly status: number
  readonly headers: http.OutgoingHttpHeaders
}

interface Answer extends Told {
  readonly bytes: Buffer
}

const TOLD = { error: { type: 'told_to' } }

/** A way to a server on which some requests meet what one chooses. */
export class FaultyProxy implements AsyncDisposable {
  readonly #server: http.Server
  readonly #target: URL
  readonly #isCounted: (request: http.IncomingMessage) => boolean
  /** Of the request with this number, counted from 1. */
  fate: (request: number) => Fate = () => 'passes'
  /** Requests that had a fate. */
  counted = 0

  private constructor(target: string, isCounted: (request: http.IncomingMessage) => boolean) {
    this.#target = new URL(target)
    this.#isCounted = isCounted
    this.#server = http.createServer((request, response) => {
      this.#serve(request, response).catch(() => response.destroy())
    })
  }

  /** `isCounted`: which requests have a fate; the others pass. */
  static async to(target: string, isCounted: (request: http.IncomingMessage) => boolean): Promise<FaultyProxy> {
    const proxy = new FaultyProxy(target, isCounted)
    proxy.#server.listen(0, '127.0.0.1')
    await once(proxy.#server, 'listening')
    return proxy
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  async #serve(request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
    const body = await buffer(request)
    const fate = this.#isCounted(request) ? this.fate(++this.counted) : 'passes'
    if (fate === 'lost') return void response.destroy()
    const { status, headers, bytes } = await this.#answer(request, body, fate)
    if (fate === 'unanswered') return void response.destroy()
    response.writeHead(status, headers).end(bytes)
  }

  async #answer(request: http.IncomingMessage, body: Buffer, fate: Fate): Promise<Answer> {
    if (typeof fate === 'number') return told(fate, TOLD)
    if (typeof fate === 'object') return told(fate.status, TOLD, fate.headers)
    if (typeof fate !== 'function') return await this.#pass(request, body)
    const items = itemsOf(body)
    const fates = items.map((_, i) => fate(i))
    const passing = items.filter((_, i) => fates[i] === undefined)
    const { bytes } =
      passing.length === 0 ? { bytes: Buffer.from('{"items":[]}') } : await this.#pass(request, Buffer.concat(passing))
    const answers = (JSON.parse(bytes.toString()) as { items: unknown[] }).items.values()
    const all = fates.map(status =>
      status === undefined
        ? answers.next().value
        : { index: { status, error: { type: 'told_to', reason: 'told to' } } },
    )
    return told(200, { items: all })
  }

  /** As it came: signatures are of the host that the client named, too. */
  async #pass({ method, url, headers }: http.IncomingMessage, body: Buffer): Promise<Answer> {
    const { hostname: host, port } = this.#target
    const { 'transfer-encoding': _, ...kept } = headers
    const passed = { ...kept, 'content-length': String(body.length) }
    const asking = http.request({ host, port, method, path: url, headers: passed, agent: false })
    asking.end(body)
    const [answer] = (await once(asking, 'response')) as [http.IncomingMessage]
    const { 'transfer-encoding': __, connection: ___, ...answered } = answer.headers
    return { status: answer.statusCode!, headers: answered, bytes: await buffer(answer) }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections()
    this.#server.close()
    await once(this.#server, 'close')
  }
}

function told(status: number, content: unknown, headers: Told['headers'] = {}): Answer {
  const all = { 'content-type': 'application/json', ...headers }
  return { status, headers: all, bytes: Buffer.from(JSON.stringify(content)) }
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
