import type pg from 'pg'
import type { LoadRequest, Resume } from '../../runtime/contract.ts'
import { TailraceError } from '../../runtime/errors.ts'
import type { Captured } from './capture.ts'
import { captureTables } from './catalog.ts'
import { slotName } from './config.ts'
import { makeStream } from './new-stream.ts'
import { connectReplication, endConnection } from './replication.ts'
import { dropSlot, waitUntilFree } from './slot.ts'
import { describe, loadRequest, type Start, type StartRequest } from './start.ts'
import { warnOfUnknown } from './unknown-types.ts'

/**
 * A log without a stream yet: publication, then slot, then the loads. What an interrupted first load left, of which
 * nothing counts any more, is made again. Durable at the server on return; a crash leaves a slot that the next start replaces.
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
    const exportSnapshot = config.snapshot === 'initial'
    const place = { server, captured, replication, slot, exportSnapshot, former: from?.identity }
    const { publications, identity, created } = await makeStream(request, place, signal)
    return {
      isFirst: true,
      isReplacing: false,
      version: server.version,
      slot,
      publications,
      captured,
      position: created.consistentPoint,
      identity,
      loads: exportSnapshot ? firstLoads(captured, from !== undefined) : [],
      unsettled: new Map(),
      snapshot: created.snapshot,
      exporter: replication,
    }
  } catch (error) {
    endConnection(replication)
    throw error
  }
}

/** Tables without a key first: only under the exported snapshot can they be read. */
function firstLoads(captured: readonly Captured[], restart: boolean): LoadRequest[] {
  const requests = captured.map(one => ({ ...loadRequest(one), restart }))
  const keyed = requests.filter(({ table }) => table.key.length > 0)
  return [...requests.filter(({ table }) => table.key.length === 0), ...keyed]
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
