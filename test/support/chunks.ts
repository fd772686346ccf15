/** A PostgreSQL source whose first load is done, to read chunks beside its stream. */
import type { z } from 'zod'
import type { postgresConfig } from '../../connectors/postgres/config.ts'
import type { PostgresSource } from '../../connectors/postgres/source.ts'
import type { Chunk, LoadProgress, LoadRequest } from '../../runtime/contract.ts'
import type { PostgresServer, TextRow } from './postgres.ts'
import { StreamRig } from './postgres-source.ts'

const TIMEOUT_MS = 60_000

export class ChunkRig implements AsyncDisposable {
  readonly rig: StreamRig
  readonly source: PostgresSource
  readonly #server: PostgresServer

  private constructor(server: PostgresServer, rig: StreamRig, source: PostgresSource) {
    this.#server = server
    this.rig = rig
    this.source = source
  }

  /** A database of its own made of `ddl`. */
  static async of(
    server: PostgresServer,
    ddl: string,
    options: Partial<z.input<typeof postgresConfig>> = {},
  ): Promise<ChunkRig> {
    const url = await server.createDatabase()
    await server.sql(ddl, [], new URL(url).pathname.slice(1))
    return await ChunkRig.on(server, url, options)
  }

  static async on(
    server: PostgresServer,
    url: string,
    options: Partial<z.input<typeof postgresConfig>> = {},
  ): Promise<ChunkRig> {
    const rig = new StreamRig(url, options)
    await rig.begin()
    const source = rig.open()
    await source.start(rig.log.resume(), AbortSignal.timeout(TIMEOUT_MS))
    return new ChunkRig(server, rig, source)
  }

  get database(): string {
    return this.rig.pipeline.replaceAll('-', '_')
  }

  sql(text: string): Promise<TextRow[]> {
    return this.#server.sql(text, [], this.database)
  }

  load(
    scope: LoadRequest['scope'],
    { table = 'app.public.t', resume, signal }: { table?: string; resume?: LoadProgress; signal?: AbortSignal } = {},
  ): AsyncGenerator<Chunk> {
    const request = this.source.request(table, scope, false)
    if (request === undefined) throw new Error(`${table} is not captured`)
    const whole = resume === undefined ? request : { ...request, resume }
    return this.source.load(whole, signal ?? AbortSignal.timeout(TIMEOUT_MS)) as AsyncGenerator<Chunk>
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.source[Symbol.asyncDispose]()
  }
}

/** Canonical keys of the rows of chunks, in hexadecimal, in their order. */
export function keysOf(chunks: readonly Chunk[]): string[] {
  return chunks.flatMap(({ rows }) =>
    Array.from(rows, change => (change.kind === 'r' ? Buffer.from(change.key).toString('hex') : [])).flat(),
  )
}
