import type { Position, Sink, Source, SourceLog, Table } from '../contract.ts'

/** What of a running pipeline one comparison works with: a source, its log, and one sink that takes from it. */
export interface Subject {
  /** Its rows are those that the sink is to have. */
  readonly source: Pick<Source, 'load' | 'sees' | 'request'>
  readonly log: SourceLog
  readonly sink: Sink
  /** The sink leaves rows where they are that the source deleted: there is no telling which it should not have. */
  readonly keepsDeleted: boolean
  /** Changes up to this version are of an earlier lineage (`Resume.lineageFrom`). */
  lineageFrom(): bigint
  /** The source's table is being read into the log. */
  isLoading(table: string): boolean
  /** The table as the sink knows it. */
  known(table: Table): Table
  /** By column, what the sink shows of a value (`SinkPlugin.shown`). */
  shown(table: Table): readonly (((text: string) => string) | undefined)[] | undefined
  /** Resolves once the sink has all that was committed up to this position. */
  reached(position: Position, signal: AbortSignal): Promise<void>
  /** Resolves once the source's rows of these keys went through the log into the sink anew, deletes of others too. */
  repair(table: Table, keys: readonly Uint8Array[], signal: AbortSignal): Promise<void>
}
