import { z } from 'zod'
import { durationOption, sizeOption } from '../runtime/quantity.ts'

/** The parts of a configuration file that are the same whatever plugins it names. */

const PIPELINE_NAME = /^[a-z][a-z0-9_]{0,30}$/
const PART_NAME = /^[a-z][a-z0-9_]{0,21}$/
const LISTEN = /^(\[[0-9A-Fa-f:.]+\]|[^:\s]+):(\d{1,5})$/

/** Taken for what the log itself will bring forth. */
const RESERVED_SOURCES = new Set(['view', 'outbox'])

const INEXACT = 'a number of so many digits is to be in quotes: { value: "..." } is text'

/** JavaScript has all of its digits. */
function isExactNumber(value: number): boolean {
  return (
    Number.isSafeInteger(value) ||
    (Number.isFinite(value) && /^-?\d+\.\d+$/.test(String(value)) && String(value).length <= 16)
  )
}

const partName = z
  .string()
  .regex(PART_NAME, 'a name is a lower-case letter, then at most 21 lower-case letters, digits or underscores')

const sourceName = partName.refine(name => !RESERVED_SOURCES.has(name), 'this name is reserved')

/** A plugin's options, checked by the plugin's own schema. */
const block = z.looseObject({
  type: z.string().min(1).describe('A built-in plugin, a path (./mine.ts) or a package.'),
})

/** What every log takes. */
export const logShape = {
  type: z.string().min(1).default('embedded').describe('A built-in log, a path or a package.'),
  path: z.string().min(1).default('./data').describe('Folder of the log; relative to this file.'),
}

const columnName = z.string().min(1)

/** One column that a sink gets: see runtime/shape/spec.ts. */
const field = z.union([
  columnName,
  z
    .record(
      columnName,
      z.union([
        columnName,
        z.strictObject({ value: z.union([z.string(), z.number().refine(isExactNumber, INEXACT), z.boolean()]) }),
        z.strictObject({ json: columnName }),
      ]),
    )
    .refine(names => Object.keys(names).length === 1, 'one column stands in each line of the list'),
])

/** What every sink takes. */
export const sinkShape = {
  tables: z
    .array(z.string())
    .min(1)
    .optional()
    .describe('Full names, source.schema.table; * within a part. Default: every table.'),
  onDelete: z.enum(['delete', 'mark', 'ignore']).default('delete'),
  onReject: z.enum(['quarantine', 'stop']).default('quarantine'),
  where: z
    .record(z.string(), z.string().min(1))
    .optional()
    .describe("Rows that reach the sink: by table, a condition as status <> 'draft' and total >= 10."),
  fields: z
    .record(z.string(), z.array(field).min(1))
    .optional()
    .describe(
      'Columns that reach the sink: by table, a list of names, new: old, new: {value: x}, new: {json: old}, "*".',
    ),
  transform: z
    .string()
    .min(1)
    .optional()
    .describe('A file of functions that make rows of the sink from those of tables; relative to this file.'),
  schemaChanges: z
    .enum(['evolve', 'ignore', 'stop'])
    .default('evolve')
    .describe('Columns that a table gets later: the sink gets them, never gets them, or stops.'),
  maxQuarantined: z.int().min(0).default(1000).describe('Rows kept aside; one more stops the sink.'),
  batch: z
    .strictObject({
      rows: z.int().min(1).max(1_000_000).default(5000),
      bytes: sizeOption().prefault('8MB'),
      wait: durationOption().prefault('0ms').describe('How long a batch may wait for more rows.'),
    })
    .prefault({}),
}

const httpShape = z.strictObject({
  listen: z
    .string()
    .regex(LISTEN, 'an address is written as 127.0.0.1:8245')
    .default('127.0.0.1:8245')
    .describe('host:port; port 0 takes any free one.'),
  token: z.string().min(8).optional().describe('Asked for as a bearer token; needed beyond loopback.'),
})

export const fileSchema = z.strictObject({
  pipeline: z
    .string()
    .regex(
      PIPELINE_NAME,
      'a pipeline is named by a lower-case letter, then at most 30 lower-case letters, digits or underscores',
    )
    .describe('Names slots, publications and consumer groups.'),
  log: z.looseObject(logShape).prefault({}),
  sources: z.record(sourceName, block).refine(sources => Object.keys(sources).length > 0, 'needs at least one source'),
  sinks: z.record(partName, block).default({}),
  http: z.union([z.literal(false), httpShape]).prefault({}),
})

/** Host and port of a `listen` that passed the schema; undefined if the port is out of range. */
export function parseListen(listen: string): { host: string; port: number } | undefined {
  const match = LISTEN.exec(listen)
  const port = Number(match?.[2])
  if (match === null || port > 65_535) return undefined
  return { host: match[1]!.replace(/^\[|\]$/g, ''), port }
}

export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host)
}
