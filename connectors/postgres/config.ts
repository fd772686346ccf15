import { createHash } from 'node:crypto'
import { z } from 'zod'
import { errorMessage } from '../../runtime/errors.ts'
import { durationOption, sizeOption } from '../../runtime/quantity.ts'
import { type Pattern, parseName, parsePattern } from '../../runtime/select.ts'

const TABLE = ['schema', 'table'] as const
const COLUMN = ['schema', 'table', 'column'] as const

/** A text that `parse` takes; its own message says what is wrong. */
function checkedText(parse: (text: string) => unknown) {
  return z.string().superRefine((text, issues) => {
    try {
      parse(text)
    } catch (error) {
      issues.addIssue({ code: 'custom', message: errorMessage(error) })
    }
  })
}

const tablePattern = checkedText(text => parsePattern(text, TABLE))
const tableName = checkedText(text => parseName(text, TABLE))
const columnPattern = checkedText(text => parsePattern(text, COLUMN))

/** YAML reads `null` without quotes as no text. */
const rule = z.enum(['hash', 'redact', 'null']).or(z.null().transform(() => 'null' as const))

const columns = z.strictObject({
  exclude: z.array(columnPattern).default([]).describe('Columns that are never read.'),
  mask: z
    .record(columnPattern, rule)
    .default({})
    .describe('Columns whose values are replaced before anything is stored. Key columns only by hash.'),
})

const resync = z.strictObject({
  maxDeletes: z
    .union([z.int().min(0), z.string().regex(/^\d{1,3}(\.\d+)?%$/, 'rows, or a share of the table as 20%')])
    .default('20%')
    .describe('A resync that would delete more than this and more than 10,000 keys stops and asks.'),
})

/** Options of a source of type `postgres`, without `type`. */
export const postgresConfig = z
  .strictObject({
    url: z.string().min(1).describe('postgres://user:password@host:5432/database?sslmode=verify-full'),
    tables: z.array(tablePattern).min(1).describe('schema.table; a star matches within one part'),
    exclude: z.array(tablePattern).default([]).describe('Wins over tables.'),
    columns: columns.prefault({}),
    maskKey: z.string().min(16, 'at least 16 characters').optional().describe('Key of the mask hash. Keep it secret.'),
    keys: z
      .record(tableName, z.string().min(1))
      .default({})
      .describe('Unique index that keys a table: also its replica identity, or the table is REPLICA IDENTITY FULL.'),
    appendOnly: z.array(tablePattern).default([]).describe('Tables whose rows are only ever inserted.'),
    slot: z
      .string()
      .regex(/^[a-z0-9_]{1,63}$/, 'lower-case letters, digits and underscores, at most 63')
      .optional(),
    publication: z
      .string()
      .min(1)
      .refine(name => Buffer.byteLength(name) <= 63, 'at most 63 bytes')
      .optional(),
    snapshot: z.enum(['initial', 'never']).default('initial'),
    before: z
      .enum(['source', 'always'])
      .default('source')
      .describe(
        'always: updates and deletes carry the whole row before them, from the log where the server sends none.',
      ),
    maxValueBytes: sizeOption().prefault('128MB').describe('A larger value stops the source.'),
    coalesce: durationOption().prefault('10ms').describe('Longest rest of a reader that drains a backlog; 0ms: none.'),
    failover: z.boolean().default(true).describe('Slot follows to standbys (PostgreSQL 17 and later).'),
    resync: resync.prefault({}),
  })
  .superRefine((config, issues) => {
    if (config.maskKey === undefined && Object.values(config.columns.mask).includes('hash'))
      issues.addIssue({ code: 'custom', path: ['maskKey'], message: 'mask: hash needs a maskKey' })
  })

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

export const tablePatternOf = (text: string): Pattern => parsePattern(text, TABLE)
export const tableNameOf = (text: string): string[] => parseName(text, TABLE)
export const columnPatternOf = (text: string): Pattern => parsePattern(text, COLUMN)
