import type { ServerResponse } from 'node:http'
import { databaseOf, type FeedLine, type FeedRequest, type FeedSource, feed } from '../change-feed.ts'
import { drained, errorBody } from './answer.ts'
import type { Exchange } from './exchange.ts'
import { parseTime } from './time.ts'

/** Proxies and clients take a silent connection for a dead one. */
const KEEPALIVE_MS = 15_000

const NEWLINE = Buffer.from('\n')
const EVENT_END = Buffer.from('\n\n')
const FLUSH_BYTES = 64 * 1024

/**
 * Server-sent events, one per change with its cursor as id; lines of JSON if the client accepts
 * `application/x-ndjson`. A slow client slows only its own reading.
 */
export async function changes(exchange: Exchange): Promise<void> {
  const { request, response, signal } = exchange
  const lines = (request.headers.accept ?? '').includes('application/x-ndjson')
  const wanted = readRequest(exchange)
  const out = new Gathered(response)
  const open = (): void => {
    response.writeHead(200, {
      'content-type': lines ? 'application/x-ndjson' : 'text/event-stream',
      'cache-control': 'no-store',
      'x-accel-buffering': 'no',
    })
    response.flushHeaders()
  }
  const keepalive = lines ? undefined : setInterval(() => response.headersSent && response.write(':\n\n'), KEEPALIVE_MS)
  try {
    const take = async ({ bytes, cursor }: FeedLine): Promise<void> => {
      if (lines) out.add(bytes, NEWLINE)
      else out.add(Buffer.from(`id: ${cursor}\ndata: `), bytes, EVENT_END)
      if (response.writableNeedDrain) await drained(response, signal)
    }
    await feed(feedSources(exchange), wanted, take, signal, open)
  } catch (error) {
    if (signal.aborted || !response.headersSent) throw error
    // Too late for a status: the stream itself says why it ends.
    const body = JSON.stringify(errorBody(error))
    out.add(Buffer.from(lines ? `{"error":${body}}\n` : `event: error\ndata: ${body}\n\n`))
  } finally {
    clearInterval(keepalive)
  }
  out.flush()
  response.end()
}

function feedSources({ pipeline, config }: Exchange): FeedSource[] {
  return config.sources.map(({ name, plugin, options }) => ({
    name,
    type: plugin.type,
    database: databaseOf(options),
    log: pipeline.log(name),
  }))
}

function readRequest({ request, query }: Exchange): FeedRequest {
  const tables = query.getAll('tables').flatMap(patterns => patterns.split(','))
  const key = query.get('key')
  const since = query.get('since')
  const follow = query.get('follow') !== 'false'
  const last = request.headers['last-event-id']
  const resumed = (typeof last === 'string' ? last : undefined) ?? query.get('from') ?? undefined
  const all = query.get('initial') === 'true' || !follow || since !== null
  return {
    follow,
    from: resumed ?? (all ? 'start' : 'end'),
    ...(tables.length > 0 && { tables }),
    ...(key !== null && { key }),
    ...(since !== null && { since: parseTime(since) }),
  }
}

/** Copies what is added and writes it at once per turn of the event loop, or when there is much of it. */
class Gathered {
  readonly #response: ServerResponse
  #parts: Uint8Array[] = []
  #bytes = 0

  constructor(response: ServerResponse) {
    this.#response = response
  }

  add(...parts: readonly Uint8Array[]): void {
    if (this.#bytes === 0) setImmediate(() => this.flush())
    for (const part of parts) {
      this.#parts.push(Buffer.from(part))
      this.#bytes += part.length
    }
    if (this.#bytes >= FLUSH_BYTES) this.flush()
  }

  flush(): void {
    if (this.#bytes === 0) return
    const bytes = Buffer.concat(this.#parts)
    this.#parts = []
    this.#bytes = 0
    this.#response.write(bytes)
  }
}
