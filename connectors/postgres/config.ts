import { createHash } from 'node:crypto'
import { z } from 'zod'
import { checkEvents, eventOptions } from '../common/event-options.ts'
import { checkMaskKey, sourceOptions } from '../common/source-options.ts'

/** Options of a source of type `postgres`, without `type`. */
export const postgresConfig = z
  .strictObject({
    url: z.string().min(1).describe('postgres://user:password@host:5432/database?sslmode=verify-full'),
    tables: sourceOptions.tables('schema.table'),
    exclude: sourceOptions.exclude,
    columns: sourceOptions.columns,
    maskKey: sourceOptions.maskKey,
    keys: sourceOptions.keys(
      'Unique index that keys a table: also its replica identity, or the table is REPLICA IDENTITY FULL.',
    ),
    appendOnly: sourceOptions.appendOnly,
    outbox: eventOptions.outbox,
    messages: eventOptions.messages,
    slot: z
      .string()
      .regex(/^[a-z0-9_]{1,63}$/, 'lower-case letters, digits and underscores, at most 63')
      .optional(),
    publication: z
      .string()
      .min(1)
      .refine(name => Buffer.byteLength(name) <= 63, 'at most 63 bytes')
      .optional(),
    snapshot: sourceOptions.snapshot,
    before: sourceOptions.before,
    maxValueBytes: sourceOptions.maxValueBytes,
    coalesce: sourceOptions.coalesce('10ms'),
    failover: z.boolean().default(true).describe('Slot follows to standbys (PostgreSQL 17 and later).'),
    resync: sourceOptions.resync,
  })
  .superRefine(checkMaskKey)
  .superRefine(checkEvents)

export type PostgresConfig = z.output<typeof postgresConfig>

/** The pipeline's name and the source's, as in SourceContext. */
export interface SourceNames {
  readonly pipeline: string
  readonly name: string
}

const IDENTIFIER_BYTES = 63

export function slotName(config: PostgresConfig, { pipeline, name }: SourceNames): string {
  return config.slot ?? `tailrace_${pipeline}_${name}`
}

/** `append` is the publication of the tables without a usable replica identity. */
export function publicationNames(
  config: PostgresConfig,
  { pipeline, name }: SourceNames,
): { readonly main: string; readonly append: string } {
  const main = config.publication ?? `tailrace_${pipeline}_${name}`
  const append = `${main}_append`
  if (Buffer.byteLength(append) <= IDENTIFIER_BYTES) return { main, append }
  const hash = createHash('sha256').update(main).digest('hex').slice(0, 8)
  let cut = main
  while (Buffer.byteLength(cut) > IDENTIFIER_BYTES - '_12345678_append'.length) cut = [...cut].slice(0, -1).join('')
  return { main, append: `${cut}_${hash}_append` }
}
