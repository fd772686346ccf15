import type pg from 'pg'
import type { Resume } from '../../runtime/contract.ts'
import { isTailraceError, TailraceError } from '../../runtime/errors.ts'
import { type Resumed, resumedTables } from '../common/resumed.ts'
import { nameOf } from '../common/selection.ts'
import type { Captured } from './capture.ts'
import { type Surveyed, surveyTables } from './catalog.ts'
import { readRelations } from './catalog-rows.ts'
import { type PostgresConfig, publicationNames } from './config.ts'
import { isSameRelation, originOf } from './definition.ts'
import { listed } from './listed-relation.ts'
import { canPublish, type Publication, readPublication } from './publication.ts'
import type { StartRequest } from './start.ts'
import type { Numbers } from './table-version.ts'

export interface CapturedAgain {
  readonly captured: readonly Captured[]
  /** Those of them that the log does not know, or knows as another table by that name. */
  readonly added: readonly Captured[]
  /** Tables of the log that are gone, or have another name. */
  readonly gone: readonly string[]
}

/**
 * The tables of a log that goes on: those it knows, those that were added to `tables`, and those that a star matches now
 * where they can be captured and published: `isNewStream` makes publications that are not there. Throws what keeps a
 * table out that is there and known, or named without a star; MASK_LOST.
 */
export async function captureAgain(
  client: pg.Client,
  request: Pick<StartRequest, 'config' | 'context'> & { readonly numbering: Numbers },
  from: Resume,
  version: number,
  isNewStream = false,
): Promise<CapturedAgain> {
  const { context } = request
  const { resumed, tables } = await surveyAgain(client, request, from)
  if (resumed.gone.length > 0) context.logger.warn({ code: 'TABLE_MISSING', tables: resumed.gone }, GONE)
  const starred = new Set(resumed.added)
  const known = new Map(from.tables.map(table => [table.name, table]))
  const captured: Captured[] = []
  const publications = publicationsOf(client, version)
  for (const surveyed of tables) {
    const problem = starred.has(nameOf(surveyed.relation))
      ? await whyNot(request, surveyed, publications, isNewStream)
      : isTailraceError(surveyed.captured)
        ? surveyed.captured
        : undefined
    if (problem === undefined) captured.push(surveyed.captured as Captured)
    else if (isTailraceError(problem)) throw problem
    else context.logger.warn({ table: nameOf(surveyed.relation) }, `a new table is not captured: ${problem}`)
  }
  for (const { table, lost } of captured) if (known.has(table.name) && lost !== undefined) throw lost
  const isAdded = ({ table }: Captured): boolean => {
    const before = known.get(table.name)
    return before === undefined || !isSameRelation(originOf(before), originOf(table))
  }
  return { captured, added: captured.filter(isAdded), gone: resumed.gone }
}

/** How often the catalog is read, at most, when a table leaves it under our eyes. */
const MOST_READS = 3

/** Which tables there are is read before what they are like: one that is gone by then is told of, and no error. */
async function surveyAgain(
  client: pg.Client,
  { config, context, numbering }: Parameters<typeof captureAgain>[1],
  { tables: known }: Resume,
): Promise<{ readonly resumed: Resumed<PostgresConfig>; readonly tables: readonly Surveyed[] }> {
  for (let reads = 1; ; reads++) {
    const resumed = resumedTables(config, listed(await readRelations(client)), known)
    const wanted = { ...resumed.config, tables: [...resumed.config.tables, ...resumed.added] }
    const { tables, problems } = await surveyTables(client, context.name, wanted, known, numbering)
    const problem = problems[0]
    if (problem === undefined) return { resumed, tables }
    if (problem.code !== 'TABLE_MISSING' || reads === MOST_READS) throw problem
  }
}

export const GONE = 'captured tables are gone or have another name: the rest goes on, and their rows stay in the sinks'

/** Publications by name, each read once. */
export function publicationsOf(client: pg.Client, version: number): (name: string) => Promise<Publication | undefined> {
  const read = new Map<string, Promise<Publication | undefined>>()
  return name => {
    const found = read.get(name) ?? readPublication(client, name, version)
    read.set(name, found)
    return found
  }
}

/** What keeps a table out that only a star matches: nobody may have meant it. */
export async function whyNot(
  { config, context }: Pick<StartRequest, 'config' | 'context'>,
  { relation, captured }: Surveyed,
  publications: ReturnType<typeof publicationsOf>,
  isNewStream = false,
): Promise<string | undefined> {
  if (isTailraceError(captured)) return captured.message
  if (captured.table.key.length === 0) return 'it has no key, and the log began without it'
  const { main, append } = publicationNames(config, context)
  const name = captured.appendOnly ? append : main
  if (canPublish(await publications(name), relation, isNewStream)) return undefined
  return `publication "${name}" lacks it, and only its owner can add it`
}

/** Throws TABLE_ADDED: the server cannot decode what lies behind us with a publication that is made now. */
export function requirePublication(stored: boolean, name: string, tables: readonly Captured[]): void {
  if (stored) return
  throw new TailraceError(
    'TABLE_ADDED',
    'stop',
    `${tables.map(({ table }) => table.name).join(', ')} needs publication "${name}", which this log began without.`,
    {
      hint: 'A source that began without append-only tables, or with nothing else, takes no first one: give it to a new source.',
    },
  )
}
