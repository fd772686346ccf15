import type { Logger } from 'pino'
import type { Fs } from './fs.ts'

/** Where a log stands, and which it is. */
export interface LogPlace {
  readonly fs: Fs
  readonly folder: string
  readonly logId: string
  readonly logger: Logger
}
