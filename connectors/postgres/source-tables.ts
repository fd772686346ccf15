import type { Table } from '../../runtime/contract.ts'
import { TailraceError } from '../../runtime/errors.ts'
import { isWanted, nameOf } from '../common/selection.ts'
import type { Captured } from './capture.ts'
import { CapturedTables } from './captured-tables.ts'
import { captureTables } from './catalog.ts'
import { CatalogWatch } from './catalog-watch.ts'
import type { Relation } from './relation.ts'
import { Resolver } from './resolver.ts'
import { waitUntilEnded } from './settle.ts'
import type { SharedSql } from './sql.ts'
import type { Start, StartRequest } from './start.ts'
import { warnOfUnknown } from './unknown-types.ts'
import { tableFromRelation } from './versions.ts'

export interface SourceTablesOptions extends StartRequest {
  readonly start: Start
  readonly watchSql: SharedSql
  /** Table versions that the log knows, kept by the source. */
  readonly logged: ReadonlyMap<number, Table>
  /** Others are captured now: what the stream knows of relations is to be asked again. */
  readonly onTaken: () => void
  readonly watchMs: number
}

/** The tables of a source at work, as the catalog has them and as the stream meets them. */
export class SourceTables {
  readonly watch: CatalogWatch
  readonly #options: SourceTablesOptions
  readonly #captured: CapturedTables
  /** Versions that the stream has met since the start. */
  readonly #met = new Map<number, Table>()

  constructor(options: SourceTablesOptions) {
    this.#options = options
    this.#captured = new CapturedTables(options.start.captured)
    this.watch = new CatalogWatch({
      ...options,
      ...options.start,
      sql: options.watchSql,
      tables: this.#captured,
      known: () => this.#versions(),
      intervalMs: options.watchMs,
    })
  }

  named(name: string): Captured | undefined {
    return this.#captured.named(name)
  }

  /** For one stream. `known`: the versions that the log has. */
  resolver(known: readonly Table[], signal: AbortSignal): Resolver {
    return new Resolver(this.#options.start.captured, known, {
      newVersion: (relation, current, versions) => this.#newVersion(relation, current, versions, signal),
      isWanted: relation => isWanted(this.#options.config, relation),
      withOid: oid => this.#captured.withOid(oid),
      look: () => this.watch.look(signal),
    })
  }

  /** The table with its columns of now. Throws MASK_LOST, and LOAD_INTERRUPTED if it is another one now. */
  async recapture({ table }: Captured, signal: AbortSignal): Promise<Captured> {
    const { context, sql, numbering } = this.#options
    const config = { ...this.#options.config, tables: [nameOf(table)] }
    const [now] = await sql.use(
      client => captureTables(client, context.name, config, this.#versions(), numbering),
      signal,
    )
    if (now!.lost !== undefined) throw now!.lost
    if (now!.table.incarnation !== table.incarnation) throw replacedMeanwhile(table)
    warnOfUnknown(context.logger, [now!])
    return now!
  }

  /** Returns when a read of the table misses nothing. Throws PUBLICATION_TABLES (retry) while it is not published. */
  async untilReadable({ table: { name } }: Captured, signal: AbortSignal): Promise<void> {
    const { unpublished, unsettled } = this.watch
    const problem = unpublished.get(name)
    if (problem !== undefined)
      throw new TailraceError(problem.code, 'retry', problem.message, { hint: problem.hint ?? '', cause: problem })
    const { sql, context } = this.#options
    await waitUntilEnded(sql, unsettled.get(name) ?? [], { table: name, logger: context.logger }, signal)
  }

  async #newVersion(
    relation: Relation,
    current: Captured,
    versions: readonly Table[],
    signal: AbortSignal,
  ): Promise<Captured> {
    const { context, config, sql, numbering, logged } = this.#options
    const known = [...versions, ...logged.values()]
    const next = await sql.use(
      client => tableFromRelation(client, context.name, config, relation, current, known, numbering),
      signal,
    )
    warnOfUnknown(context.logger, [next])
    this.#met.set(next.table.id, next.table)
    await this.watch.met(next, signal)
    return next
  }

  #versions(): Table[] {
    return [...this.#options.logged.values(), ...this.#met.values()]
  }
}

function replacedMeanwhile({ name }: Table): TailraceError {
  return new TailraceError('LOAD_INTERRUPTED', 'retry', `${name} is another table now.`, {
    hint: 'That one is loaded by itself.',
  })
}
