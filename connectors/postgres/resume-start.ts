import type pg from 'pg'
import type { LoadProgress, LoadRequest, Resume, SourceIdentity, Table } from '../../runtime/contract.ts'
import { isTailraceError, TailraceError } from '../../runtime/errors.ts'
import { requireMergeKey } from '../common/merge-key.ts'
import { nameOf } from '../common/selection.ts'
import { byName } from '../common/versions-by-name.ts'
import type { Captured } from './capture.ts'
import { type CapturedAgain, captureAgain, requirePublication } from './captured-again.ts'
import { slotName } from './config.ts'
import { originOf, relationOf } from './definition.ts'
import { readInsertLsn } from './head.ts'
import { checkBehind, checkSlot, checkSystem, checkTimeline } from './lineage.ts'
import { parseLoadState } from './load-state.ts'
import { parseLsn } from './position.ts'
import { growPublication, type PublicationPlan } from './publication.ts'
import { AWAY, readMembers, storedMembers, wasAway } from './publication-members.ts'
import { connectReplication, endConnection } from './replication.ts'
import { resyncHint } from './server-error.ts'
import { runningTransactions } from './settle.ts'
import { waitUntilFree } from './slot.ts'
import { REREAD, type Stale, staleAtStart } from './stale.ts'
import {
  describe,
  identity,
  loadRequest,
  type Published,
  publicationEntry,
  publicationPlans,
  type Start,
  type StartRequest,
} from './start.ts'
import { warnOfUnknown } from './unknown-types.ts'

/**
 * A log goes on behind `position`. Tables that were added or made anew since are published; what is not read of the
 * tables, or changed without events, comes as loads beside the stream. Throws the codes of lineage.ts and of publications.
 */
export async function resumeStart(
  request: StartRequest,
  from: Resume,
  position: bigint,
  signal: AbortSignal,
): Promise<Start> {
  const { config, context, name, sql } = request
  const slot = slotName(config, context)
  const replication = await connectReplication(config, name, signal)
  try {
    const server = await describe(sql, replication, signal)
    checkSystem(from.identity, server, context.name)
    await checkTimeline(from.identity, server, position, replication, context.name)
    await sql.use(async client => checkBehind(await readInsertLsn(client), position, context.name), signal)
    const found = await sql.use(client => waitUntilFree(client, slot, signal), signal)
    checkSlot(slot, found, server.database, position, context.name)
    const tables = await sql.use(client => captureAgain(client, request, from, server.version), signal)
    const { captured } = tables
    warnOfUnknown(context.logger, captured)
    const plans = publicationPlans(request, captured)
    const published = await publish(request, plans, tables, from.identity, server.version, signal)
    const stored = storedMembers(from.identity)
    const isAway = ({ oid }: Captured): boolean => wasAway(oid, stored, published.members)
    const away = new Set(captured.filter(isAway).map(({ table }) => table.name))
    const loads = unfinished(request, tables, from, away)
    const isFresh = ({ table, resume }: LoadRequest): boolean =>
      away.has(table.name) || (isUnread(resume) && isLate(table.name, tables, from))
    const fresh = loads.filter(isFresh)
    const running = fresh.length === 0 ? [] : await sql.use(runningTransactions, signal)
    return {
      isFirst: from.stream === undefined,
      isReplacing: false,
      version: server.version,
      slot,
      publications: plans.map(plan => plan.name),
      captured,
      position,
      identity: { ...identity(server, slot, plans, published, from.identity), ...goneEntries(tables.gone) },
      loads,
      unsettled: new Map(fresh.map(({ table }) => [table.name, running])),
      snapshot: undefined,
      exporter: undefined,
    }
  } finally {
    endConnection(replication)
  }
}

/** With these the slot of an interrupted first load, or what was read, counts no more. */
const BEGIN_ANEW = new Set([
  'LOAD_KEYLESS',
  'MASK_LOST',
  'PUBLICATION_MISSING',
  'PUBLICATION_REPLACED',
  'PUBLICATION_TABLES',
  'SLOT_AHEAD',
  'SLOT_LOST',
])

/**
 * A first load that was interrupted goes on while its slot is the same: the stream begins at the slot's consistent
 * point, and what is left is read beside it. Undefined if it must be made anew.
 */
export async function resumeFirstLoad(
  request: StartRequest,
  from: Resume,
  signal: AbortSignal,
): Promise<Start | undefined> {
  const point = consistentPoint(from, slotName(request.config, request.context))
  if (point === undefined) return undefined
  try {
    return await resumeStart(request, from, point, signal)
  } catch (error) {
    if (!isTailraceError(error) || !BEGIN_ANEW.has(error.code)) throw error
    request.context.logger.warn({ reason: error.message }, 'the first load that was interrupted begins anew')
    return undefined
  }
}

/** As the progress of its loads tells it. */
function consistentPoint({ loads }: Resume, slot: string): bigint | undefined {
  for (const { state } of loads.values()) {
    const known = parseLoadState(state)
    if (known?.slot === slot && known.point !== undefined) return parseLsn(known.point)
  }
  return undefined
}

/** What is not read of each table, or must be read again. Throws LOAD_KEYLESS if that cannot be read any more. */
function unfinished(
  { config, context }: StartRequest,
  { captured, added }: CapturedAgain,
  from: Resume,
  away: ReadonlySet<string>,
): LoadRequest[] {
  const requests: LoadRequest[] = []
  const versions = byName(from.tables)
  const newest = newestOfRelations(from)
  for (const one of captured) {
    const { table } = one
    const progress = from.loads.get(table.name)
    const known = versions.get(table.name)
    const isKnown = known !== undefined
    const stale = isKnown ? staleNow(one, known, newest, from, away) : undefined
    if (stale === undefined && (progress?.done || config.snapshot === 'never')) continue
    if (
      table.key.length === 0 &&
      from.stream !== undefined &&
      (isKnown || table.routed === true || !added.includes(one))
    ) {
      const reason = stale?.reason ?? 'the stream began before it was read'
      context.logger.warn({ table: table.name, reason }, 'rows are missing: a table without a key is not read again')
      continue
    }
    requireMergeKey(table)
    if (stale !== undefined) context.logger.warn({ table: table.name, reason: stale.reason }, REREAD)
    const isResumed = progress !== undefined && !progress.done
    const sweep = stale?.sweep === true || (isResumed && progress.pass !== undefined)
    requests.push({
      ...loadRequest(one),
      beside: true,
      ...(isResumed ? { resume: progress } : {}),
      ...(sweep ? { sweep } : {}),
    })
  }
  return requests
}

/** A table that had been away may have changed meanwhile. `known`: its versions in the log. */
function staleNow(
  captured: Captured,
  known: readonly Table[],
  newest: ReadonlyMap<string, Table>,
  { loads, identity }: Resume,
  away: ReadonlySet<string>,
): Stale | undefined {
  const { table } = captured
  const stale = staleAtStart(captured, known, loads.get(table.name))
  if (stale !== undefined) return stale
  if (away.has(table.name)) return { reason: AWAY, sweep: true }
  const last = newest.get(relationOf(originOf(table)))
  const hadOtherName = last !== undefined && last.name !== table.name && last.id > known.at(-1)!.id
  if (identity[goneEntry(nameOf(table))] === undefined && !hadOtherName) return undefined
  return { reason: 'it had another name meanwhile', sweep: true }
}

/** The newest version of each relation, under whatever name. */
function newestOfRelations({ tables }: Resume): Map<string, Table> {
  return new Map(tables.map(table => [relationOf(originOf(table)), table]))
}

/** Names in the identity, by which a table that comes back is known to have been away. */
const goneEntry = (table: string): string => `gone ${table}`

function goneEntries(gone: readonly string[]): Record<string, string> {
  return Object.fromEntries(gone.map(table => [goneEntry(table), 'yes']))
}

function isUnread(progress: LoadProgress | undefined): boolean {
  return progress === undefined || progress.state === ''
}

/** It was published after the stream had begun. */
function isLate(table: string, { added }: CapturedAgain, from: Resume): boolean {
  return from.stream !== undefined || added.some(one => one.table.name === table)
}

async function publish(
  { sql, context }: StartRequest,
  plans: readonly PublicationPlan[],
  { added }: CapturedAgain,
  stored: SourceIdentity,
  version: number,
  signal: AbortSignal,
): Promise<Published> {
  const fresh = new Set(added.map(({ oid }) => oid))
  const ids: string[] = []
  for (const plan of plans) {
    const known = stored[publicationEntry(plan)]
    requirePublication(
      known !== undefined,
      plan.name,
      added.filter(({ oid }) => plan.tables.some(table => table.oid === oid)),
    )
    const id = await sql.use((client: pg.Client) => growPublication(client, plan, version, fresh, context.name), signal)
    if (known !== id) throw replaced(plan, context.name)
    ids.push(id)
  }
  const names = plans.map(({ name }) => name)
  return { ids, members: await sql.use(client => readMembers(client, names, version), signal) }
}

/** A publication made anew cannot decode what was written before; newer servers then pass over changes in silence. */
function replaced({ name }: PublicationPlan, source: string): TailraceError {
  return new TailraceError('PUBLICATION_REPLACED', 'stop', `Publication "${name}" was dropped and made again.`, {
    hint: `Changes in between are not published. ${resyncHint(source)}`,
  })
}
