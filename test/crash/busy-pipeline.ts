import type { PostgresServer } from '../support/postgres.ts'
import { PipelineProcess } from './pipeline-process.ts'
import { PostgresGround } from './postgres-ground.ts'
import { Writer } from './writer.ts'

/** A pipeline that has caught up with a source that is being written to. Nothing else looks at either. */
export class BusyPipeline implements AsyncDisposable {
  readonly database: string
  readonly writer: Writer
  readonly pipeline: PipelineProcess
  readonly #resources: AsyncDisposableStack

  private constructor(database: string, writer: Writer, pipeline: PipelineProcess, resources: AsyncDisposableStack) {
    this.database = database
    this.writer = writer
    this.pipeline = pipeline
    this.#resources = resources
  }

  /** `rate`: transactions a second. `filled`: rows that `by_number` holds from the start. */
  static async start(
    server: PostgresServer,
    { seed, rate, filled }: { readonly seed: number; readonly rate: number; readonly filled: number },
  ): Promise<BusyPipeline> {
    await using resources = new AsyncDisposableStack()
    const { url, database, site } = resources.use(await PostgresGround.make(server, filled))
    const writer = resources.use(await Writer.start({ url, seed, rate, filled }))
    const pipeline = resources.use(PipelineProcess.start(site))
    await pipeline.wait(120)
    return new BusyPipeline(database, writer, pipeline, resources.move())
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#resources.disposeAsync()
  }
}
