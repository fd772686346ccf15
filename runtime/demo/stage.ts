import { abortable } from '../abort.ts'
import type { DemoClient, DemoDatabase } from './database.ts'
import { PipelineProcess } from './pipeline-process.ts'
import type { Screen } from './screen.ts'
import type { ShopSize } from './shop.ts'
import { Traffic } from './traffic.ts'
import { Workspace } from './workspace.ts'

/** Everything the demo starts, ended in reverse when this is disposed, however far it got. */
export class Stage implements AsyncDisposable {
  readonly database: DemoDatabase
  readonly screen: Screen
  /** Aborts on Ctrl-C, and when the pipeline or the traffic fails by itself. */
  readonly signal: AbortSignal
  readonly #failure = new AbortController()
  readonly #opened = new AsyncDisposableStack()
  #pipeline: PipelineProcess | undefined

  constructor(database: DemoDatabase, screen: Screen, interrupt: AbortSignal) {
    this.database = database
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
    const starting = this.database.startServer()
    this.#opened.defer(async () => {
      const server = await starting.catch(() => undefined)
      await server?.[Symbol.asyncDispose]()
    })
    return (await abortable(starting, this.signal)).url
  }

  /** A connection for as long as the stage stands. */
  async connect(url: string): Promise<DemoClient> {
    const connecting = this.database.connect(url, 'demo')
    this.#opened.defer(async () => {
      const client = await connecting.catch(() => undefined)
      await client?.end()
    })
    return await abortable(connecting, this.signal)
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
    const traffic = new Traffic(this.database, url, size, this.fail)
    this.#opened.defer(() => traffic.stop())
    return traffic
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#opened.disposeAsync()
  }
}
