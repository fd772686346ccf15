import { z } from 'zod'
import { durationOption } from '../../runtime/quantity.ts'
import { checkEvents, eventOptions } from '../common/event-options.ts'
import { checkMaskKey, sourceOptions } from '../common/source-options.ts'

/** Options of a source of type `mysql` (MySQL and MariaDB), without `type`. */
export const mysqlConfig = z
  .strictObject({
    url: z.string().min(1).describe('mysql://user:password@host:3306/?sslmode=verify-full'),
    tables: sourceOptions.tables('database.table'),
    exclude: sourceOptions.exclude,
    columns: sourceOptions.columns,
    maskKey: sourceOptions.maskKey,
    keys: sourceOptions.keys('Unique index, of columns that are NOT NULL, that keys a table without a primary key.'),
    appendOnly: sourceOptions.appendOnly,
    outbox: eventOptions.outbox,
    serverId: z
      .int()
      .min(1)
      .max(2 ** 32 - 1)
      .optional()
      .describe('As which replica the source reads; unique among all of the server. Default: made from the names.'),
    cascades: z
      .strictObject({ resync: durationOption().describe('How often tables whose rows cascades change are compared.') })
      .optional()
      .describe('For foreign keys whose cascades the server does not log.'),
    snapshot: sourceOptions.snapshot,
    before: sourceOptions.before,
    maxValueBytes: sourceOptions.maxValueBytes,
    resync: sourceOptions.resync,
  })
  .superRefine(checkMaskKey)
  .superRefine(checkEvents)

export type MysqlConfig = z.output<typeof mysqlConfig>
