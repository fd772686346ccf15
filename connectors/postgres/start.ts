import type pg from 'pg'
import type { LoadRequest, SourceContext, SourceIdentity } from '../../runtime/contract.ts'
import type { Captured } from './capture.ts'
import { type PostgresConfig, publicationNames } from './config.ts'
import { identifySystem, type ServerIdentity } from './lineage.ts'
import type { PublicationPlan } from './publication.ts'
import { type Members, membersEntry } from './publication-members.ts'
import { standbyError } from './server-error.ts'
import type { SharedSql } from './sql.ts'
import type { Numbering } from './table-version.ts'

/** What the starts of a source have in common (first-start.ts, resume-start.ts). */

export interface StartRequest {
  readonly config: PostgresConfig
  readonly context: SourceContext
  /** How connections are called at the server. */
  readonly name: string
  readonly sql: SharedSql
  readonly numbering: Numbering
}

/** What a start has found or made. */
export interface Start {
  /** The log has no unit of this stream yet. */
  readonly isFirst: boolean
  /** It takes the place of one that cannot go on: until its first unit the log is of the former lineage. */
  readonly isReplacing: boolean
  /** server_version_num. */
  readonly version: number
  readonly slot: string
  readonly publications: readonly string[]
  readonly captured: readonly Captured[]
  /** Where the stream begins: behind what the log holds, or the slot's consistent point. */
  readonly position: bigint
  readonly identity: SourceIdentity
  readonly loads: readonly LoadRequest[]
  /**
   * By table name: transactions that may have changed the table before it was published. It is read once they have
   * ended (R4.9).
   */
  readonly unsettled: ReadonlyMap<string, readonly string[]>
  /** Set if there are loads that are not beside the stream: the snapshot's name and the connection that keeps it. */
  readonly snapshot: string | undefined
  readonly exporter: pg.Client | undefined
}

export interface Server extends ServerIdentity {
  readonly version: number
  readonly database: string
}

export async function describe(sql: SharedSql, replication: pg.Client, signal: AbortSignal): Promise<Server> {
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

export function publicationPlans(
  { config, context }: Pick<StartRequest, 'config' | 'context'>,
  captured: readonly Captured[],
): PublicationPlan[] {
  const { main, append } = publicationNames(config, context)
  const plans = [
    { name: main, insertsOnly: false, tables: captured.filter(one => !one.appendOnly) },
    { name: append, insertsOnly: true, tables: captured.filter(one => one.appendOnly) },
  ]
  return plans.filter(plan => plan.tables.length > 0)
}

export interface Published {
  /** Oid of each plan's publication. */
  readonly ids: readonly string[]
  readonly members: Members
}

/** `former`: what is kept of the identity before. */
export function identity(
  server: Server,
  slot: string,
  plans: readonly PublicationPlan[],
  { ids, members }: Published,
  former: SourceIdentity = {},
): SourceIdentity {
  const { lineage, catalog } = former
  return {
    system: server.systemId,
    timeline: String(server.timeline),
    database: server.database,
    slot,
    ...(lineage === undefined ? {} : { lineage }),
    ...(catalog === undefined ? {} : { catalog }),
    ...membersEntry(members),
    ...Object.fromEntries(plans.map((plan, i) => [publicationEntry(plan), ids[i]!])),
  }
}

/** Its name in the identity. */
export const publicationEntry = (plan: PublicationPlan): string => `publication ${plan.name}`
