import { z } from 'zod'
import { matchesPattern, parsePattern } from '../../runtime/select.ts'
import { checkedText, tableName, tableNameOf } from './source-options.ts'

/** Options of events that a database writes for others to read: an outbox table, and messages in its log. */

const column = (name: string) => z.string().min(1).default(name)

const columns = z.strictObject({
  id: column('id'),
  aggregateType: column('aggregatetype').describe('Names the table of the event.'),
  aggregateId: column('aggregateid'),
  type: column('type'),
  payload: column('payload'),
  timestamp: z.string().min(1).optional().describe('When it happened; existing rows are read in this order.'),
  additional: z.array(z.string().min(1)).default([]).describe('Other columns that events have.'),
})

const outbox = z.strictObject({
  table: tableName.describe('The table that events are inserted into.'),
  schema: z.string().min(1).default('outbox').describe('Of the tables of events: source.schema.type.'),
  columns: columns.prefault({}),
  maxTypes: z.int().min(1).max(100_000).default(1000).describe('An event of one more type stops the source.'),
})

const PREFIX = ['prefix'] as const

/** By name, as `sourceOptions`. */
export const eventOptions = {
  outbox: outbox.optional().describe('A table whose inserts are events: each type gets an append-only table.'),
  messages: z
    .array(checkedText(text => parsePattern(text, PREFIX)))
    .default([])
    .describe('Prefixes of transactional logical messages that are captured; a star matches any text.'),
}

export interface OutboxOptions extends z.output<typeof outbox> {}

export interface EventOptions {
  readonly outbox?: OutboxOptions | undefined
  readonly messages?: readonly string[] | undefined
}

/** Schema of the tables of messages. */
export const MESSAGE_SCHEMA = 'message'

/** Schemas that stand for no schema of the database. */
export function eventSchemas({ outbox, messages = [] }: EventOptions): string[] {
  return [...(outbox === undefined ? [] : [outbox.schema]), ...(messages.length === 0 ? [] : [MESSAGE_SCHEMA])]
}

/** For `superRefine`: something is captured, and events have a schema to themselves. */
export function checkEvents(
  { tables, outbox }: EventOptions & { readonly tables: readonly string[] },
  issues: z.RefinementCtx,
): void {
  if (tables.length === 0 && outbox === undefined)
    issues.addIssue({ code: 'custom', path: ['tables'], message: 'at least one table, or an outbox' })
  if (outbox === undefined) return
  if (tableNameOf(outbox.table)[0] === outbox.schema)
    issues.addIssue({
      code: 'custom',
      path: ['outbox', 'schema'],
      message: `the tables of events need a schema that no table has; ${outbox.table} is in "${outbox.schema}"`,
    })
}

/** The outbox is captured as any append-only table; what differs is where its rows go. */
export function withOutbox<C extends EventOptions & Record<'tables' | 'appendOnly', string[]>>(config: C): C {
  const { outbox, tables, appendOnly } = config
  if (outbox === undefined) return config
  return { ...config, tables: [...tables, outbox.table], appendOnly: [...appendOnly, outbox.table] }
}

export function isOutbox({ outbox }: EventOptions, schema: string, table: string): boolean {
  if (outbox === undefined) return false
  const [outboxSchema, outboxTable] = tableNameOf(outbox.table)
  return schema === outboxSchema && table === outboxTable
}

/** Names of the columns that events have. */
export function eventColumns({ columns }: OutboxOptions): string[] {
  const { id, aggregateType, aggregateId, type, payload, timestamp, additional } = columns
  return [id, aggregateType, aggregateId, type, payload, ...(timestamp === undefined ? [] : [timestamp]), ...additional]
}

/** Whether messages with this prefix are captured. */
export function prefixMatcher(patterns: readonly string[]): (prefix: string) => boolean {
  const parsed = patterns.map(text => parsePattern(text, PREFIX))
  return prefix => parsed.some(pattern => matchesPattern(pattern, [prefix]))
}
