import type { LoadRequest, SourceContext, SourceIdentity, Table } from '../../runtime/contract.ts'
import type { SharedConnection } from '../common/shared-connection.ts'
import type { UnloggedCascade } from './cascades.ts'
import type { Captured } from './catalog.ts'
import type { MysqlConfig } from './config.ts'
import type { MysqlClient } from './connection.ts'
import { defaultServerId } from './dump.ts'
import type { Numbering } from './numbering.ts'
import type { BinlogPosition } from './position.ts'
import type { ServerFacts } from './server-facts.ts'
import type { SharedReaders } from './shared-readers.ts'

/** What the starts of a source have in common (first-start.ts, resume-start.ts). */

export interface StartRequest {
  readonly config: MysqlConfig
  readonly context: SourceContext
  /** How connections are called at the server. */
  readonly name: string
  readonly sql: SharedConnection<MysqlClient>
  readonly numbering: Numbering
  /** Of the source: what is to live as long as it does ends with it. */
  readonly life: AbortSignal
}

/** What a start has found or made. */
export interface Start {
  /** The log has no unit of this stream yet. */
  readonly isFirst: boolean
  /** It takes the place of one that cannot go on: until its first unit the log is of the former lineage. */
  readonly isReplacing: boolean
  readonly facts: ServerFacts
  readonly captured: readonly Captured[]
  /** Foreign keys whose changes are not logged. */
  readonly cascades: readonly UnloggedCascade[]
  /** Where the stream begins. */
  readonly position: BinlogPosition
  readonly identity: SourceIdentity
  readonly loads: readonly LoadRequest[]
  /** Set if there are loads that are not beside the stream. */
  readonly readers: SharedReaders | undefined
}

export function tablesOf(captured: readonly Captured[]): Table[] {
  return captured.map(({ table }) => table)
}

/** How the source's connections are called at the server. */
export function connectionName({ pipeline, name }: Pick<SourceContext, 'pipeline' | 'name'>): string {
  return `tailrace ${pipeline} ${name}`
}

/** As which replica the source reads. */
export function replicaId(
  { serverId }: Pick<MysqlConfig, 'serverId'>,
  context: Pick<SourceContext, 'pipeline' | 'name'>,
): number {
  return serverId ?? defaultServerId(connectionName(context))
}

/** Of the whole table. */
export function loadRequest({ table, estimatedRows, estimatedBytes }: Captured, beside: boolean): LoadRequest {
  return { table, scope: { kind: 'all' }, restart: false, beside, estimatedRows, estimatedBytes }
}

/** A pass over each table that has a key: the rows that the log has are compared with those that are there. */
export function passes(captured: readonly Captured[]): LoadRequest[] {
  return captured.filter(({ table }) => table.key.length > 0).map(one => ({ ...loadRequest(one, true), sweep: true }))
}

/** What the log is to remember of the server. `point`: where the stream of a first load that is under way begins. */
export function identityOf(facts: ServerFacts, former: SourceIdentity = {}, point?: string): SourceIdentity {
  const { lineage } = former
  return {
    server: facts.serverId,
    flavor: facts.flavor,
    ...(lineage === undefined ? {} : { lineage }),
    ...(point === undefined ? {} : { point }),
  }
}
