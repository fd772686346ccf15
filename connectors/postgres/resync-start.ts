import type pg from 'pg'
import type { LoadRequest, Resume, SourceIdentity } from '../../runtime/contract.ts'
import { TailraceError } from '../../runtime/errors.ts'
import type { Captured } from './capture.ts'
import { captureAgain } from './captured-again.ts'
import { slotName } from './config.ts'
import { makeStream } from './new-stream.ts'
import { connectReplication, endConnection } from './replication.ts'
import { runningTransactions } from './settle.ts'
import { dropSlot, type Slot, waitUntilFree } from './slot.ts'
import { describe, loadRequest, type Server, type Start, type StartRequest } from './start.ts'
import { warnOfUnknown } from './unknown-types.ts'

/**
 * A log whose stream cannot go on gets a new one: publications, a new slot, and for every table a pass beside the stream,
 * which appends what differs (R6.4). It is a new lineage in any case, since nobody knows what happened in between: every
 * fence sees the transactions that the log has. Tables without a key are read anew under the slot's snapshot.
 *
 * Durable at the server on return, and in the log once the stream's first unit is. A crash in between leaves a slot that
 * does not fit the log, and the next start stops as this one would have.
 */
export async function resyncStart(request: StartRequest, from: Resume, signal: AbortSignal): Promise<Start> {
  const { config, context, name, sql, numbering } = request
  const slot = slotName(config, context)
  const replication = await connectReplication(config, name, signal)
  try {
    const server = await describe(sql, replication, signal)
    const former = nextLineage(from.identity, server)
    if (former.catalog !== undefined) numbering.moveTo(former.catalog)
    const byName = { ...request, numbering: numbering.byName }
    const tables = await sql.use(client => captureAgain(client, byName, from, server.version, true), signal)
    const { captured } = tables
    warnOfUnknown(context.logger, captured)
    const formerSlot = from.identity.system === server.systemId ? from.identity.slot : undefined
    for (const old of new Set([slot, formerSlot ?? slot]))
      await sql.use(client => dropFormer(client, old, { request, from, server }, signal), signal)
    const anew = readAnew(request, captured)
    const place = { server, captured, replication, slot, exportSnapshot: anew.length > 0, former }
    const { publications, identity, created } = await makeStream(request, place, signal)
    // A commit that lies before the slot may be waiting to become visible: it comes neither by the stream nor by a fence.
    const running = await sql.use(runningTransactions, signal)
    if (created.snapshot === undefined) endConnection(replication)
    return {
      isFirst: true,
      isReplacing: true,
      version: server.version,
      slot,
      publications,
      captured,
      position: created.consistentPoint,
      identity,
      loads: [...anew, ...passes(captured)],
      unsettled: new Map(captured.map(({ table }) => [table.name, running])),
      snapshot: created.snapshot,
      exporter: created.snapshot === undefined ? undefined : replication,
    }
  } catch (error) {
    endConnection(replication)
    throw error
  }
}

/** A pass over each table that has a key: the rows that the log has are compared with those that are there. */
export function passes(captured: readonly Captured[]): LoadRequest[] {
  return captured
    .filter(({ table }) => table.key.length > 0)
    .map(one => ({ ...loadRequest(one), beside: true, sweep: true }))
}

/** Rows without a key cannot be compared: what the log has of them is truncated. */
function readAnew({ config, context }: StartRequest, captured: readonly Captured[]): LoadRequest[] {
  const keyless = captured.filter(({ table }) => table.key.length === 0)
  if (keyless.length === 0) return []
  const isRouted = ({ table }: Captured): boolean => table.routed === true
  const tables = keyless.filter(one => !isRouted(one)).map(({ table }) => table.name)
  if (config.snapshot === 'never') {
    const missing = keyless.map(({ table }) => table.name)
    context.logger.warn(
      { tables: missing },
      'tables without a key are not read: what was inserted meanwhile is missing',
    )
    return []
  }
  if (tables.length > 0) context.logger.warn({ tables }, 'tables without a key are emptied and read anew')
  if (keyless.some(isRouted))
    context.logger.warn('the outbox is read anew: what it still holds may come a second time, with the same id')
  return keyless.map(one => ({ ...loadRequest(one), restart: !isRouted(one) }))
}

/** In another database the numbers of tables and columns mean something else. */
function nextLineage(stored: SourceIdentity, server: Server): SourceIdentity {
  const lineage = String(BigInt(stored.lineage ?? '0') + 1n)
  const isElsewhere = stored.system !== server.systemId || stored.database !== server.database
  return { ...stored, lineage, ...(isElsewhere ? { catalog: lineage } : {}) }
}

interface Replaced {
  readonly request: StartRequest
  readonly from: Resume
  readonly server: Server
}

/** Drops what is left of the slot. Throws SLOT_HELD while someone reads from it, SLOT_EXISTS if it may be another's. */
async function dropFormer(
  sql: pg.Client,
  name: string,
  { request, from, server }: Replaced,
  signal: AbortSignal,
): Promise<void> {
  const { config, context } = request
  const found = await waitUntilFree(sql, name, signal)
  if (found === undefined) return
  const databases = [server.database, from.identity.database]
  if (config.slot === name && !isOurs(found, databases))
    throw new TailraceError(
      'SLOT_EXISTS',
      'stop',
      `Replication slot "${name}" belongs to plugin ${found.plugin} and database ${found.database ?? '(none)'}: another made it.`,
      {
        hint: `Choose another \`slot\`, or, if nobody needs it: SELECT pg_drop_replication_slot('${name}')`,
      },
    )
  context.logger.warn({ slot: name }, 'the slot is dropped: what it keeps does not follow what the log has')
  await dropSlot(sql, name)
}

function isOurs({ plugin, database }: Slot, databases: readonly (string | undefined)[]): boolean {
  return plugin === 'pgoutput' && database !== null && databases.includes(database)
}
