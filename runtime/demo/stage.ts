import pg from 'pg'
import { abortable } from '../abort.ts'
import { PipelineProcess } from './pipeline-process.ts'
import type { Screen } from './screen.ts'
import { startLocalPostgres } from './server.ts'
import type { ShopSize } from './shop.ts'
import { Traffic } from './traffic.ts'
import { Workspace } from './workspace.ts'

/** Everything the demo starts, ended in reverse when this is disposed, however far it got. */
export class Stage implements AsyncDisposable {
  readonly screen: Screen
  /** Aborts on Ctrl-C, and when the pipeline or the traffic fails by itself. */
  readonly signal: AbortSignal
  readonly #failure = new AbortController()
  readonly #opened = new AsyncDisposableStack()
  #pipeline: PipelineProcess | undefined

  constructor(screen: Screen, interrupt: AbortSignal) {
    this.screen = screen
    this.signal = AbortSignal.any([interrupt, this.#failure.signal])
  }

  /** The pipeline as it is now; undefined while it is down. */
  readonly pipeline = (): PipelineProcess | undefined => this.#pipeline

  /** Ends every wait with this error. */
  readonly fail = (error: unknown): void => {
    this.#failure.abort(error)
  }

  /** A server of its own with an empty database; answers its URL. */
  async startServer(): Promise<string> {
    const starting = startLocalPostgres()
    this.#opened.defer(async () => {
      const server = await starting.catch(() => undefined)
      await server?.[Symbol.asyncDispose]()
    })
    const { port } = await abortable(starting, this.signal)
    const url = `postgres://postgres@127.0.0.1:${port}/postgres`
    const admin = await this.connect(url)
    await admin.query('create database shop')
    return url.replace(/postgres$/, 'shop')
  }

  /** A connection for as long as the stage stands. */
  async connect(url: string): Promise<pg.Client> {
    const client = new pg.Client({ connectionString: url, application_name: 'demo' })
    // The query that follows rejects; without a listener the process would end.
    client.on('error', () => {})
    await abortable(client.connect(), this.signal)
    this.#opened.defer(() => client.end())
    return client
  }

  async createWorkspace(): Promise<Workspace> {
    return this.own(await Workspace.create())
  }

  /** Ends it when the stage is disposed, before what it already owns. */
  readonly own = <T extends AsyncDisposable>(resource: T): T => this.#opened.use(resource)

  async startPipeline(workspace: Workspace): Promise<PipelineProcess> {
    const pipeline = await PipelineProcess.start(workspace, this.signal, this.fail)
    this.#opened.use(pipeline)
    this.#pipeline = pipeline
    return pipeline
  }

  async killPipeline(): Promise<void> {
    const pipeline = this.#pipeline
    this.#pipeline = undefined
    await pipeline?.kill9()
  }

  async stopPipeline(): Promise<void> {
    const pipeline = this.#pipeline
    this.#pipeline = undefined
    await pipeline?.stop()
  }

  startTraffic(url: string, size: ShopSize): Traffic {
    const traffic = new Traffic(url, size, this.fail)
    this.#opened.defer(() => traffic.stop())
    return traffic
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#opened.disposeAsync()
  }
}
