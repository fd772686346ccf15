import type { LoadRequest, Source, SourceLog } from '../contract.ts'
import { TailraceError } from '../errors.ts'
import { lookupUnsupported } from '../ingest/load.ts'
import type { Loads } from '../ingest/loads.ts'
import type { BackfillOptions } from '../status.ts'
import { didYouMean } from '../suggest.ts'
import { newestTables } from '../tables.ts'

/** A source at work. */
export interface Backfilled {
  readonly source: Source
  readonly log: SourceLog
  readonly loads: Loads
}

/**
 * Takes on the loads of these tables, by default of all that can be read again; durable when it resolves. Answers their
 * names. Throws UNKNOWN_TABLE, TABLE_WITHOUT_KEY, LOOKUP_UNSUPPORTED, and takes none on.
 */
export async function backfill(
  { source, log, loads }: Backfilled,
  { tables, resnapshot, yes }: BackfillOptions,
): Promise<readonly string[]> {
  const ask = (name: string): LoadRequest | undefined => source.request?.(name, { kind: 'all' }, resnapshot)
  if (source.request === undefined) throw lookupUnsupported()
  const known = [...newestTables(log).keys()]
  const requests = (tables ?? known).flatMap(name => {
    const request = ask(name)
    if (request === undefined && tables !== undefined) throw unknownTable(name, known)
    if (request === undefined) return []
    if (request.table.key.length > 0) return [request]
    if (tables !== undefined) throw withoutKey(name)
    return []
  })
  for (const request of requests)
    if (!(yes && resnapshot && loads.allow(request.table.name))) await loads.add(request, yes)
  return requests.map(({ table }) => table.name)
}

export function unknownTable(name: string, known: readonly string[]): TailraceError {
  const hint = didYouMean(name, known)
  return new TailraceError('UNKNOWN_TABLE', 'stop', `There is no captured table "${name}".`, {
    hint: `${hint === undefined ? '' : `${hint} `}Full names are source.schema.table; tailrace tables lists them.`,
  })
}

function withoutKey(name: string): TailraceError {
  return new TailraceError('TABLE_WITHOUT_KEY', 'stop', `${name} has no key: rows read again would be there twice.`, {
    hint: 'Only what is inserted is captured of it. To read it again, begin anew with a new log.',
  })
}
