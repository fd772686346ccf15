import { objectKeys } from '../../config/issues.ts'
import { abortable } from '../abort.ts'
import type { Discovery } from '../contract.ts'
import { errorMessage } from '../errors.ts'
import { redact } from '../logger.ts'
import type { PipelineConfig, SourceConfig } from '../pipeline-config.ts'
import { formatSeconds, formatSize } from '../quantity.ts'
import { matchesPattern, parsePattern } from '../select.ts'
import type { InspectedLog } from './inspect.ts'
import { count } from './terminal.ts'

/** A guess for people: what one connection copies in a second on an ordinary network. */
const COPIED_BYTES_PER_SECOND = 40 * 1024 ** 2
const DISCOVER_MS = 10_000
/** Tables that the text of a plan names. */
const MOST_TABLES = 30

/** What `run` is about to do at one source. */
export interface SourcePlan {
  readonly source: string
  readonly type: string
  /** Undefined for sources without one. */
  readonly slot: string | undefined
  readonly publication: string | undefined
  /** Where the stream goes on, for people; undefined: a first load comes first. */
  readonly continues: string | undefined
  /** To copy; undefined where the database was not asked or did not answer. */
  readonly tables: Discovery['tables'] | undefined
  readonly rows: number | null
  readonly bytes: number | null
  /** Why the database could not be asked. */
  readonly note?: string
}

/** Asks the logs and, where a first load is to be made, the database. A database that does not answer is no error. */
export async function makePlan(
  config: PipelineConfig,
  logs: readonly InspectedLog[],
  signal: AbortSignal,
): Promise<SourcePlan[]> {
  return Promise.all(
    config.sources.map(async source => {
      const resume = await logs.find(found => found.source.name === source.name)?.log.resume()
      const { name, plugin } = source
      const base = {
        source: name,
        type: plugin.type,
        slot: resume?.identity.slot ?? serverName(config, source, 'slot'),
        publication: serverName(config, source, 'publication'),
      }
      if (resume?.stream !== undefined)
        return {
          ...base,
          continues: plugin.shown?.(resume.stream) ?? resume.stream,
          tables: undefined,
          rows: null,
          bytes: null,
        }
      return { ...base, continues: undefined, ...(await firstLoad(config.pipeline, source, signal)) }
    }),
  )
}

type FirstLoad = Pick<SourcePlan, 'tables' | 'rows' | 'bytes' | 'note'>

async function firstLoad(pipeline: string, source: SourceConfig, signal: AbortSignal): Promise<FirstLoad> {
  const { plugin } = source
  const url = option(source, 'url')
  if (plugin.discover === undefined || typeof url !== 'string') return { tables: undefined, rows: null, bytes: null }
  const limit = AbortSignal.any([signal, AbortSignal.timeout(DISCOVER_MS)])
  try {
    const found = await abortable(plugin.discover(url, pipeline, limit, patterns(source, 'tables')), limit)
    const tables = found.tables.filter(({ schema, table }) => isCaptured(source, [schema, table]))
    const rows = total(tables.map(table => table.rows))
    // Where the others were never counted, the empty ones say nothing.
    const isKnown = rows !== 0 || tables.every(table => table.rows === 0)
    return { tables, rows: isKnown ? rows : null, bytes: total(tables.map(({ bytes }) => bytes)) }
  } catch (error) {
    signal.throwIfAborted()
    return { tables: undefined, rows: null, bytes: null, note: redact(errorMessage(error)) }
  }
}

/** The plan in words. */
export function planText(config: PipelineConfig, plans: readonly SourcePlan[]): string {
  const lines = [`pipeline ${config.pipeline}, log in ${config.log.path}`]
  for (const plan of plans) {
    const server = [
      ...(plan.slot === undefined ? [] : [`slot ${plan.slot}`]),
      ...(plan.publication === undefined ? [] : [`publication ${plan.publication}`]),
    ]
    lines.push(`source ${plan.source} (${[plan.type, ...server].join(', ')}): ${action(plan)}`)
    const tables = shownOf(plan.tables ?? [])
    for (const { schema, table, rows, bytes, problem } of tables) {
      const size = [...(rows === null ? [] : [`${count(rows)} rows`]), ...(bytes === null ? [] : [formatSize(bytes)])]
      lines.push(`  ${schema}.${table}  ${size.join(', ')}${problem === undefined ? '' : `  ${problem}`}`)
    }
    const more = (plan.tables?.length ?? 0) - tables.length
    if (more > 0) lines.push(`  and ${count(more)} more tables`)
  }
  for (const { name, type, tables } of config.sinks)
    lines.push(`sink ${name} (${type}): ${tables === undefined ? 'every table' : tables.join(', ')}`)
  return lines.join('\n')
}

/** Of many the largest, those with a problem ahead of all. */
function shownOf(tables: NonNullable<SourcePlan['tables']>): NonNullable<SourcePlan['tables']> {
  if (tables.length <= MOST_TABLES) return tables
  const isTroubled = ({ problem }: (typeof tables)[number]): number => Number(problem !== undefined)
  return tables
    .toSorted((a, b) => isTroubled(b) - isTroubled(a) || (b.bytes ?? 0) - (a.bytes ?? 0))
    .slice(0, MOST_TABLES)
}

function action({ continues, tables, rows, bytes, note }: SourcePlan): string {
  if (continues !== undefined) return `goes on behind ${continues}`
  if (note !== undefined) return `first load; the database does not answer yet: ${note}`
  if (tables === undefined) return 'first load'
  const size = [
    `${tables.length} table${tables.length === 1 ? '' : 's'}`,
    ...(rows === null ? [] : [`about ${count(rows)} rows`]),
    ...(bytes === null
      ? []
      : [formatSize(bytes), `roughly ${formatSeconds(Math.ceil(bytes / COPIED_BYTES_PER_SECOND))}`]),
  ]
  return `first load of ${size.join(', ')}`
}

/** By convention `tailrace_<pipeline>_<source>` unless the option of that name says otherwise. */
function serverName(config: PipelineConfig, source: SourceConfig, key: 'slot' | 'publication'): string | undefined {
  if (!objectKeys(source.plugin.config).includes(key)) return undefined
  const chosen = option(source, key)
  return typeof chosen === 'string' ? chosen : `tailrace_${config.pipeline}_${source.name}`
}

function isCaptured(source: SourceConfig, parts: readonly string[]): boolean {
  const matches = (key: string): boolean => {
    const given = patterns(source, key)
    if (given === undefined) return key === 'tables'
    return given.some(text => matchesPattern(parsePattern(text, ['schema', 'table']), parts))
  }
  return matches('tables') && !matches('exclude')
}

function patterns(source: SourceConfig, key: string): string[] | undefined {
  const given = option(source, key)
  return Array.isArray(given) ? given.map(String) : undefined
}

function option({ options }: SourceConfig, key: string): unknown {
  return typeof options === 'object' && options !== null ? Reflect.get(options, key) : undefined
}

function total(values: readonly (number | null)[]): number | null {
  const known = values.filter(value => value !== null)
  return known.length === 0 ? null : known.reduce((sum, value) => sum + value, 0)
}
