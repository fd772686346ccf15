import type pg from 'pg'
import type { SourceIdentity } from '../../runtime/contract.ts'
import type { Captured } from './capture.ts'
import { setPublication } from './publication.ts'
import { readMembers } from './publication-members.ts'
import { type CreatedSlot, createSlot } from './slot.ts'
import { identity, publicationPlans, type Server, type StartRequest } from './start.ts'

export interface StreamPlace {
  readonly server: Server
  readonly captured: readonly Captured[]
  /** Makes the slot; the exported snapshot lives as long as it stays open and idle. */
  readonly replication: pg.Client
  /** No slot of that name is there. */
  readonly slot: string
  readonly exportSnapshot: boolean
  /** What is kept of the identity before. */
  readonly former: SourceIdentity | undefined
}

export interface NewStream {
  readonly publications: readonly string[]
  readonly identity: SourceIdentity
  readonly created: CreatedSlot
}

/**
 * Makes publications, then the slot: the stream from its consistent point is decoded with them. Durable at the server on
 * return; a crash leaves a slot that nobody reads. Throws as setPublication and createSlot.
 */
export async function makeStream(
  request: StartRequest,
  { server, captured, replication, slot, exportSnapshot, former }: StreamPlace,
  signal: AbortSignal,
): Promise<NewStream> {
  const { config, context, sql } = request
  const plans = publicationPlans(request, captured)
  const publications = plans.map(plan => plan.name)
  const ids: string[] = []
  for (const plan of plans) ids.push(await sql.use(client => setPublication(client, plan, server.version), signal))
  const members = await sql.use(client => readMembers(client, publications, server.version), signal)
  const options = { name: slot, config, version: server.version, exportSnapshot, logger: context.logger }
  // Not given up on an abort: it then cleans up after itself, and the start ends once that is done.
  const whole = new AbortController().signal
  const created = await sql.use(client => createSlot(replication, client, options, signal), whole)
  return {
    publications,
    identity: identity(server, slot, plans, { ids, members }, former),
    created,
  }
}
