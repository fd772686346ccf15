import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Logger } from 'pino'
import { errorCode, errorMessage, isTailraceError, TailraceError } from '../errors.ts'
import type { Metrics } from '../metrics.ts'
import type { HttpConfig, PipelineConfig } from '../pipeline-config.ts'
import type { RunningPipeline } from '../status.ts'
import { admit } from './access.ts'
import { answerError, answerText } from './answer.ts'
import { findRoute } from './routes.ts'

/** Longer than what lies between two calls of a client that waits after each commit. */
const KEEP_ALIVE_MS = 75_000

/** Takes the address. Until `serve` it answers that it is starting. Throws LISTEN_TAKEN, LISTEN_FAILED. */
export async function listen(config: HttpConfig, logger: Logger): Promise<HttpServer> {
  const server = createServer({ keepAliveTimeout: KEEP_ALIVE_MS, noDelay: true })
  const http = new HttpServer(server, config, logger)
  await new Promise<void>((resolve, reject) => {
    server.once('error', error => reject(listenError(error, config)))
    server.listen(config.port, config.host, resolve)
  })
  return http
}

/** The public HTTP face of one process. */
export class HttpServer implements AsyncDisposable {
  readonly #server: Server
  readonly #config: HttpConfig
  readonly #logger: Logger
  #metrics: Promise<Metrics> | undefined
  /** One per request under way. */
  readonly #exchanges = new Set<AbortController>()
  #stopping = false
  #served: { pipeline: RunningPipeline; config: PipelineConfig } | undefined

  constructor(server: Server, config: HttpConfig, logger: Logger) {
    this.#server = server
    this.#config = config
    this.#logger = logger
    server.on('request', (request, response) => void this.#answer(request, response))
  }

  /** Where it listens: `http://127.0.0.1:8245`. */
  get url(): string {
    const { address, port, family } = this.#server.address() as AddressInfo
    return `http://${family === 'IPv6' ? `[${address}]` : address}:${port}`
  }

  serve(pipeline: RunningPipeline, config: PipelineConfig): void {
    this.#served = { pipeline, config }
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const exchange = new AbortController()
    const { signal } = exchange
    this.#exchanges.add(exchange)
    response.once('close', () => {
      this.#exchanges.delete(exchange)
      exchange.abort(new Error('the client has left'))
    })
    response.on('error', error => this.#logger.debug({ err: error }, 'an HTTP client went away'))
    try {
      await this.#handle(request, response, signal)
    } catch (error) {
      if (!isTailraceError(error) && !signal.aborted)
        this.#logger.error({ err: error, path: request.url?.split('?')[0] }, 'an HTTP request failed')
      if (response.headersSent) response.destroy()
      else answerError(response, this.#stopping ? starting('stopping') : error)
    } finally {
      // A body that nobody wanted would hold the connection.
      request.resume()
    }
  }

  async #handle(request: IncomingMessage, response: ServerResponse, signal: AbortSignal): Promise<void> {
    const url = URL.parse(`http://here${request.url ?? '/'}`)
    const path = url?.pathname ?? '/'
    admit(request, path, this.#config)
    const { route, name, methods } = findRoute(request.method === 'HEAD' ? 'GET' : (request.method ?? ''), path)
    if (route === undefined) throw noRoute(path, methods)
    if (route.method === 'POST' && !/^application\/json\b/i.test(request.headers['content-type'] ?? ''))
      throw new TailraceError('CONTENT_TYPE', 'stop', 'A POST needs the content type application/json.', {
        hint: `curl -X POST -H 'content-type: application/json' ...`,
      })
    if (this.#served === undefined) {
      if (path === '/healthz') return answerText(response, 200, 'text/plain', 'ok\n')
      throw starting('starting')
    }
    const { pipeline, config } = this.#served
    const exchange = { request, response, query: url?.searchParams ?? new URLSearchParams(), name, pipeline, config }
    await route.handle({ ...exchange, metrics: () => this.#metricsOf(), signal })
  }

  /** Its library would take a quarter of the time to start: it waits until somebody asks. */
  #metricsOf(): Promise<Metrics> {
    this.#metrics ??= import('../metrics.ts').then(({ Metrics }) => new Metrics())
    return this.#metrics
  }

  /** Ends what is under way, event streams included. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping = true
    for (const exchange of this.#exchanges) exchange.abort(new Error('the server stops'))
    const closed = new Promise<void>(resolve => {
      this.#server.close(() => resolve())
    })
    this.#server.closeIdleConnections()
    setImmediate(() => this.#server.closeAllConnections())
    await closed
  }
}

function starting(what: string): TailraceError {
  return new TailraceError('STARTING', 'retry', `The process is ${what}.`, { hint: 'Try again in a second.' })
}

function noRoute(path: string, methods: readonly string[]): TailraceError {
  if (methods.length > 0)
    return new TailraceError('METHOD_NOT_ALLOWED', 'stop', `${path} takes ${methods.join(' and ')}.`)
  return new TailraceError('NOT_FOUND', 'stop', `There is nothing at ${path}.`, {
    hint: 'GET /openapi.json describes what there is.',
  })
}

function listenError(error: unknown, { host, port }: HttpConfig): TailraceError {
  if (errorCode(error) === 'EADDRINUSE')
    return new TailraceError('LISTEN_TAKEN', 'stop', `Another process listens on ${host}:${port}.`, {
      cause: error,
      hint: 'Set http.listen to another port (0 takes any free one), or stop the other process.',
    })
  return new TailraceError('LISTEN_FAILED', 'stop', `Cannot listen on ${host}:${port}: ${errorMessage(error)}.`, {
    cause: error,
    hint: 'Set http.listen to an address of this machine and a port that this user may take.',
  })
}
