import type { Logger } from 'pino'
import type { z } from 'zod'
import { mysqlConfig } from '../../../connectors/mysql/config.ts'
import { MysqlSource } from '../../../connectors/mysql/source.ts'
import { createLogger } from '../../../runtime/logger.ts'
import { PaperLog } from '../paper-log.ts'
import { SourceRig } from '../source-rig.ts'
import type { MysqlServer } from './server.ts'

export interface MysqlRigOptions {
  /** Over: the server as root, every table of the database. */
  readonly config?: Partial<z.input<typeof mysqlConfig>>
  readonly log?: PaperLog
  readonly logger?: Logger
  readonly timeoutMs?: number
  /** Of the source, beside its log; none by default. */
  readonly folder?: string
}

/** A source called `app` over a database, with a log on paper; its pipeline is called as the database is. */
export function mysqlRig(server: MysqlServer, database: string, options: MysqlRigOptions = {}): SourceRig<MysqlSource> {
  const { config, log = new PaperLog(), logger = createLogger('silent'), timeoutMs, folder = '' } = options
  const context = { pipeline: database, name: 'app', logger, folder }
  const all = { url: `${server.url()}?sslmode=disable`, tables: [`${database}.*`], ...config }
  return new SourceRig(() => new MysqlSource(mysqlConfig.parse(all), context), log, timeoutMs)
}
