import type { z } from 'zod'
import { postgresConfig } from '../../connectors/postgres/config.ts'
import { PostgresSource } from '../../connectors/postgres/source.ts'
import { createLogger } from '../../runtime/logger.ts'
import { PaperLog } from './paper-log.ts'
import { SourceRig } from './source-rig.ts'

/** A PostgreSQL source with a log on paper. */
export class StreamRig extends SourceRig<PostgresSource> {
  readonly pipeline: string
  readonly #options: z.input<typeof postgresConfig>

  constructor(url: string, options: Partial<z.input<typeof postgresConfig>> = {}, log = new PaperLog()) {
    const all = { url, tables: ['public.*'], ...options }
    // Slots belong to the server, not to the database.
    const pipeline = new URL(url).pathname.slice(1).replaceAll('-', '_')
    const context = { pipeline, name: 'app', logger: createLogger('silent'), folder: '' }
    super(() => new PostgresSource(postgresConfig.parse(all), context), log)
    this.#options = all
    this.pipeline = pipeline
  }

  get slot(): string {
    return this.#options.slot ?? `tailrace_${this.pipeline}_app`
  }
}
