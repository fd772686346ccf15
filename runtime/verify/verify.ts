import type { LoadRequest, SourceLog, Table } from '../contract.ts'
import { TailraceError } from '../errors.ts'
import { matchesTable } from '../select.ts'
import { newestTables } from '../tables.ts'
import type { TableReport, VerifyEvents, VerifyReport, VerifyRequest } from '../verify-report.ts'
import type { Subject } from './subject.ts'
import { TableComparison } from './table.ts'

/** One source of the sink that is verified. */
export interface VerifiedSource {
  readonly log: SourceLog
  /** The tables that the sink takes. */
  takes(table: Table): boolean
  /** Lends what the comparison works with; ends it when the source or the sink ends. */
  use<R>(work: (subject: Subject, signal: AbortSignal) => Promise<R>, signal: AbortSignal): Promise<R>
}

/**
 * Compares a sink with its sources by key while both move, table by table. Throws UNKNOWN_TABLE for a pattern that none
 * of the sink's tables has, VERIFY_UNSUPPORTED where nothing can be compared, PART_NOT_RUNNING, and what source and sink
 * throw.
 */
export async function verify(
  sources: readonly VerifiedSource[],
  request: VerifyRequest,
  events: VerifyEvents,
  signal: AbortSignal,
): Promise<VerifyReport> {
  const began = performance.now()
  const chosen = sources.map(source => ({ source, tables: tablesOf(source) }))
  for (const pattern of request.tables ?? [])
    if (!chosen.some(({ tables }) => tables.some(table => matchesTable([pattern], table))))
      throw unknownTable(pattern, request.sink)
  const reports: TableReport[] = []
  for (const { source, tables } of chosen) {
    const wanted = tables.filter(table => request.tables === undefined || matchesTable(request.tables, table))
    if (wanted.length === 0) continue
    await source.use(async (subject, either) => {
      requireReads(subject, request.sink)
      for (const table of wanted) reports.push(await verifyTable(subject, table, request, events, reports, either))
    }, signal)
  }
  if (reports.length > 0 && reports.every(({ isCompared }) => !isCompared)) throw nothingToCompare(reports)
  const seconds = Math.round(performance.now() - began) / 1000
  return { sink: request.sink, equal: reports.every(isEqual), seconds, tables: reports }
}

function tablesOf({ log, takes }: VerifiedSource): Table[] {
  return [...newestTables(log).values()].filter(takes).toSorted((a, b) => (a.name < b.name ? -1 : 1))
}

async function verifyTable(
  subject: Subject,
  table: Table,
  { fix }: VerifyRequest,
  events: VerifyEvents,
  before: readonly TableReport[],
  signal: AbortSignal,
): Promise<TableReport> {
  const chosen = loadRequest(subject, table)
  if (typeof chosen === 'string') return leftOut(table, chosen)
  const found = before.reduce((sum, { missing, extra, different }) => sum + missing + extra + different, 0)
  return new TableComparison(subject, chosen, events, { fix, found }).run(signal)
}

/** How the source reads the table, or why it is left out. */
function loadRequest({ source, isLoading }: Subject, { name, key }: Table): LoadRequest | string {
  if (key.length === 0) return 'it has no key'
  if (isLoading(name)) return 'it is being loaded'
  return source.request!(name, { kind: 'all' }, false) ?? 'it is not captured any more'
}

function leftOut({ name }: Table, why: string): TableReport {
  const nothing = { compared: 0, missing: 0, extra: 0, different: 0, fixed: 0, unsettled: 0 }
  return { table: name, isCompared: false, ...nothing, leftOut: why }
}

function isEqual({ missing, extra, different, fixed }: TableReport): boolean {
  return missing + extra + different === fixed
}

function requireReads({ source, sink, log }: Subject, name: string): void {
  if (sink.get === undefined || sink.rows === undefined)
    throw unsupported(`The sink ${name} does not keep the current rows, or cannot read them.`)
  if (source.request === undefined) throw unsupported('The source cannot read its tables again.')
  if (log.states === undefined) throw unsupported('The log cannot look up rows by key.')
}

function nothingToCompare(reports: readonly TableReport[]): TailraceError {
  const why = reports.map(({ table, leftOut: reason }) => `${table}: ${reason}`)
  return unsupported(`No table can be compared (${why.join('; ')}).`)
}

function unsupported(message: string): TailraceError {
  return new TailraceError('VERIFY_UNSUPPORTED', 'stop', message, {
    hint: 'docs/verify.md says what can be compared.',
  })
}

function unknownTable(pattern: string, sink: string): TailraceError {
  return new TailraceError('UNKNOWN_TABLE', 'stop', `The sink ${sink} takes no table "${pattern}".`, {
    hint: 'tailrace tables lists the full names.',
  })
}
