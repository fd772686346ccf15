import { z } from 'zod'
import { errorMessage } from '../../runtime/errors.ts'
import { durationOption, sizeOption } from '../../runtime/quantity.ts'
import { type Pattern, parseName, parsePattern } from '../../runtime/select.ts'

/** What the configurations of all databases have in common. `schema` is called a database in MySQL. */

const TABLE = ['schema', 'table'] as const
const COLUMN = ['schema', 'table', 'column'] as const

/** A text that `parse` takes; its own message says what is wrong. */
export function checkedText(parse: (text: string) => unknown) {
  return z.string().superRefine((text, issues) => {
    try {
      parse(text)
    } catch (error) {
      issues.addIssue({ code: 'custom', message: errorMessage(error) })
    }
  })
}

const tablePattern = checkedText(text => parsePattern(text, TABLE))
export const tableName = checkedText(text => parseName(text, TABLE))
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

/** Options by name, for each source to put in its own order; those that differ in text or default are functions. */
export const sourceOptions = {
  tables: (form: string) => z.array(tablePattern).describe(`${form}; a star matches within one part`),
  exclude: z.array(tablePattern).default([]).describe('Wins over tables.'),
  columns: columns.prefault({}),
  maskKey: z.string().min(16, 'at least 16 characters').optional().describe('Key of the mask hash. Keep it secret.'),
  keys: (description: string) => z.record(tableName, z.string().min(1)).default({}).describe(description),
  appendOnly: z.array(tablePattern).default([]).describe('Tables whose rows are only ever inserted.'),
  snapshot: z.enum(['initial', 'never']).default('initial'),
  before: z
    .enum(['source', 'always'])
    .default('source')
    .describe('always: updates and deletes carry the whole row before them, from the log where the server sends none.'),
  maxValueBytes: sizeOption().prefault('128MB').describe('A larger value stops the source.'),
  coalesce: (rest: `${number}ms`) =>
    durationOption().prefault(rest).describe('Longest rest of a reader that drains a backlog; 0ms: none.'),
  resync: resync.prefault({}),
}

interface MaskOptions {
  readonly maskKey?: string | undefined
  readonly columns: { readonly mask: Readonly<Record<string, string>> }
}

/** For `superRefine`: a mask by hash has its key. */
export function checkMaskKey({ maskKey, columns: { mask } }: MaskOptions, issues: z.RefinementCtx): void {
  if (maskKey === undefined && Object.values(mask).includes('hash'))
    issues.addIssue({ code: 'custom', path: ['maskKey'], message: 'mask: hash needs a maskKey' })
}

export const tablePatternOf = (text: string): Pattern => parsePattern(text, TABLE)
export const tableNameOf = (text: string): string[] => parseName(text, TABLE)
export const columnPatternOf = (text: string): Pattern => parsePattern(text, COLUMN)
