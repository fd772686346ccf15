import type pg from 'pg'
import type { LoadRequest, Position, Resume, SourceContext, SourceIdentity } from '../../runtime/contract.ts'
import { TailraceError } from '../../runtime/errors.ts'
import { type Captured, captureTables } from './catalog.ts'
import { type PostgresConfig, publicationNames, slotName } from './config.ts'
import { readInsertLsn } from './head.ts'
import { checkBehind, checkSlot, checkSystem, checkTimeline, identifySystem, type ServerIdentity } from './lineage.ts'
import { parseLsn } from './position.ts'
import { ensurePublication, type PublicationPlan } from './publication.ts'
import { connectReplication, endConnection } from './replication.ts'
import { resumedTables } from './resumed.ts'
import { RESYNC_HINT, standbyError } from './server-error.ts'
import { createSlot, dropSlot, waitUntilFree } from './slot.ts'
import type { SqlConnection } from './sql.ts'
import type { Numbering } from './table-version.ts'
import { warnOfUnknown } from './unknown-types.ts'

export interface StartRequest {
  readonly config: PostgresConfig
  readonly context: SourceContext
  /** How connections are called at the server. */
  readonly name: string
  readonly sql: SqlConnection
  readonly numbering: Numbering
}

/** What a start has found or made. */
export interface Start {
  readonly isFirst: boolean
  readonly slot: string
  readonly publications: readonly string[]
  readonly captured: readonly Captured[]
  /** Where the stream begins: behind what the log holds, or the slot's consistent point. */
  readonly position: bigint
  readonly identity: SourceIdentity
  readonly loads: readonly LoadRequest[]
  /** Set if there are loads: the snapshot's name and the connection that keeps it. */
  readonly snapshot: string | undefined
  readonly exporter: pg.Client | undefined
}

interface Server extends ServerIdentity {
  readonly version: number
  readonly database: string
}

/**
 * A log without a stream yet: publication, then slot, then the loads. What an interrupted first load left is made
 * again. Durable at the server on return; a crash leaves a slot that the next start replaces.
 */
export async function firstStart(request: StartRequest, from: Resume | undefined, signal: AbortSignal): Promise<Start> {
  const { config, context, name, sql, numbering } = request
  const slot = slotName(config, context)
  const replication = await connectReplication(config, name, signal)
  try {
    const server = await describe(sql, replication, signal)
    const captured = await sql.use(
      client => captureTables(client, context.name, config, from?.tables ?? [], numbering),
      signal,
    )
    warnOfUnknown(context.logger, captured)
    await sql.use(client => replaceSlot(client, slot, request, from, signal), signal)
    const plans = publicationPlans(request, captured)
    const publicationIds = await publish(sql, plans, server.version, true, signal)
    const exportSnapshot = config.snapshot === 'initial'
    const { logger } = context
    const options = { name: slot, config, version: server.version, exportSnapshot, logger }
    // Not given up on an abort: it then cleans up after itself, and the start ends once that is done.
    const whole = new AbortController().signal
    const created = await sql.use(client => createSlot(replication, client, options, signal), whole)
    return {
      isFirst: true,
      slot,
      publications: plans.map(plan => plan.name),
      captured,
      position: created.consistentPoint,
      identity: identity(server, slot, plans, publicationIds),
      loads: exportSnapshot ? captured.map(one => ({ ...loadRequest(one), restart: from !== undefined })) : [],
      snapshot: created.snapshot,
      exporter: replication,
    }
  } catch (error) {
    endConnection(replication)
    throw error
  }
}

/** A log that holds the stream up to `stream`: everything must still be what it was. Throws the codes of lineage.ts. */
export async function resumeStart(
  request: StartRequest,
  from: Resume,
  stream: Position,
  signal: AbortSignal,
): Promise<Start> {
  const { config, context, name, sql } = request
  const slot = slotName(config, context)
  const position = parseLsn(stream)
  const replication = await connectReplication(config, name, signal)
  try {
    const server = await describe(sql, replication, signal)
    checkSystem(from.identity, server)
    await checkTimeline(from.identity, server, position, replication)
    await sql.use(async client => checkBehind(await readInsertLsn(client), position), signal)
    const found = await sql.use(client => waitUntilFree(client, slot, signal), signal)
    checkSlot(slot, found, server.database, position)
    const captured = await sql.use(client => captureKnown(client, request, from), signal)
    warnOfUnknown(context.logger, captured)
    const plans = publicationPlans(request, captured)
    const publicationIds = await publish(sql, plans, server.version, false, signal)
    requireSamePublications(from.identity, plans, publicationIds)
    return {
      isFirst: false,
      slot,
      publications: plans.map(plan => plan.name),
      captured,
      position,
      identity: identity(server, slot, plans, publicationIds),
      loads: [],
      snapshot: undefined,
      exporter: undefined,
    }
  } finally {
    endConnection(replication)
  }
}

async function describe(sql: SqlConnection, replication: pg.Client, signal: AbortSignal): Promise<Server> {
  const identified = await identifySystem(replication)
  const { version, database, standby } = await sql.use(async client => {
    const { rows } = await client.query<{ version: string; database: string; standby: string }>(
      `SELECT pg_catalog.current_setting('server_version_num') AS version,
         pg_catalog.current_database() AS database, pg_catalog.pg_is_in_recovery() AS standby`,
    )
    return rows[0]!
  }, signal)
  if (standby === 't') throw standbyError()
  return { ...identified, version: Number(version), database }
}

/** Of the whole table, under the exported snapshot. */
export function loadRequest({ table, estimatedRows, estimatedBytes }: Captured): LoadRequest {
  return { table, scope: { kind: 'all' }, restart: false, beside: false, estimatedRows, estimatedBytes }
}

/** A slot of that name from before: ours, of a first load that did not finish, or somebody else's. */
async function replaceSlot(
  sql: pg.Client,
  slot: string,
  { config, context }: StartRequest,
  from: Resume | undefined,
  signal: AbortSignal,
): Promise<void> {
  const found = await waitUntilFree(sql, slot, signal)
  if (found === undefined) return
  if (config.slot !== undefined && from === undefined)
    throw new TailraceError('SLOT_EXISTS', 'stop', `Replication slot "${slot}" exists, and this log is empty.`, {
      hint: `Is it another program's? Then choose another \`slot\`. If not: SELECT pg_drop_replication_slot('${slot}')`,
    })
  await dropSlot(sql, slot)
  context.logger.warn(
    { slot },
    'a slot of this name, from a first load that did not finish, was dropped and is made again',
  )
}

function publicationPlans({ config, context }: StartRequest, captured: readonly Captured[]): PublicationPlan[] {
  const { main, append } = publicationNames(config, context)
  const plans = [
    { name: main, insertsOnly: false, tables: captured.filter(one => !one.appendOnly) },
    { name: append, insertsOnly: true, tables: captured.filter(one => one.appendOnly) },
  ]
  return plans.filter(plan => plan.tables.length > 0)
}

async function publish(
  sql: SqlConnection,
  plans: readonly PublicationPlan[],
  version: number,
  mayChange: boolean,
  signal: AbortSignal,
): Promise<string[]> {
  const oids: string[] = []
  for (const plan of plans)
    oids.push(await sql.use(client => ensurePublication(client, plan, version, mayChange), signal))
  return oids
}

function identity(
  server: Server,
  slot: string,
  plans: readonly PublicationPlan[],
  publicationIds: readonly string[],
): SourceIdentity {
  return {
    system: server.systemId,
    timeline: String(server.timeline),
    database: server.database,
    slot,
    ...Object.fromEntries(plans.map((plan, i) => [publicationEntry(plan), publicationIds[i]!])),
  }
}

const publicationEntry = (plan: PublicationPlan): string => `publication ${plan.name}`

/** The tables that the log began with. Throws TABLE_ADDED, and what the catalog says of rows changed without events. */
async function captureKnown(
  client: pg.Client,
  { config, context, numbering }: StartRequest,
  from: Resume,
): Promise<Captured[]> {
  const resumed = await resumedTables(client, config, from.tables)
  const { added, gone } = resumed
  if (added.length > 0) context.logger.warn({ tables: added }, 'tables made since the log began are not captured')
  if (gone.length > 0) context.logger.warn({ tables: gone }, 'captured tables are gone; their rows stay in the sinks')
  const captured = await captureTables(client, context.name, resumed.config, from.tables, numbering)
  const known = new Set(from.tables.map(table => table.name))
  for (const { table, rewrite } of captured) {
    if (!known.has(table.name))
      throw new TailraceError(
        'TABLE_ADDED',
        'stop',
        `${table.name} is new in \`tables\`, and this log began without it.`,
        {
          hint: 'Adding a table to a running source is not supported yet: give it to a new source, or take it out again.',
        },
      )
    if (rewrite !== undefined) throw rewrite
  }
  return captured
}

/** A publication made anew cannot decode what was written before; newer servers then pass over changes in silence. */
function requireSamePublications(
  stored: SourceIdentity,
  plans: readonly PublicationPlan[],
  publicationIds: readonly string[],
): void {
  plans.forEach((plan, i) => {
    if (stored[publicationEntry(plan)] === publicationIds[i]) return
    throw new TailraceError('PUBLICATION_REPLACED', 'stop', `Publication "${plan.name}" was dropped and made again.`, {
      hint: `Changes in between are not published. ${RESYNC_HINT}`,
    })
  })
}
