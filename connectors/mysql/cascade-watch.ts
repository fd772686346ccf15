import type { Logger } from 'pino'
import { sleep } from '../../runtime/abort.ts'
import type { LoadRequest } from '../../runtime/contract.ts'
import { requireCascades, type UnloggedCascade } from './cascades.ts'
import type { Captured } from './catalog.ts'
import type { MysqlConfig } from './config.ts'
import type { Queries } from './queries.ts'
import type { ServerFacts } from './server-facts.ts'

export interface CascadeWatchOptions {
  readonly config: Pick<MysqlConfig, 'cascades'>
  readonly facts: ServerFacts
  readonly logger: Logger
  /** Tables, by name, of which a load is under way or will begin by itself. */
  readonly loading: Iterable<string>
  /** Asks for a pass over the table of this name. */
  readonly ask: (table: string) => void
}

interface Child {
  /** A pass was asked for and has not ended. */
  isAsked: boolean
  /** Milliseconds of performance.now(). When the last whole comparison began; undefined: there was none yet. */
  comparedAt: number | undefined
  /** The same, of when the next is due. */
  nextAt: number
}

const TICK_MS = 1000

/**
 * Tables whose rows foreign keys change without events: refused, or compared with what the log has from time to time, as
 * the configuration says.
 */
export class CascadeWatch {
  readonly #options: CascadeWatchOptions
  readonly #children = new Map<string, Child>()
  readonly #loading: ReadonlySet<string>

  constructor(options: CascadeWatchOptions) {
    this.#options = options
    this.#loading = new Set(options.loading)
  }

  /** Foreign keys of the captured tables as they are now. Throws CASCADES_UNLOGGED where they are not provided for. */
  async look(client: Queries, captured: readonly Captured[]): Promise<void> {
    const { config, facts } = this.#options
    const tables = captured.map(({ table }) => table)
    this.take(await requireCascades(client, facts, config, tables))
  }

  /** All that there are now. */
  take(cascades: readonly UnloggedCascade[]): void {
    const { config, logger } = this.#options
    const names = new Set(cascades.map(({ child }) => child.name))
    for (const name of this.#children.keys()) if (!names.has(name)) this.#children.delete(name)
    const added = [...names].filter(name => !this.#children.has(name))
    for (const name of added) {
      const isAsked = this.#loading.has(name)
      this.#children.set(name, { isAsked, comparedAt: undefined, nextAt: performance.now() })
    }
    if (added.length > 0)
      logger.warn(
        { tables: added, everySeconds: config.cascades!.resync / 1000 },
        'foreign keys change rows of these tables, and the server does not log it: they are compared from time to time',
      )
  }

  /** Asks for passes as they become due. Ends by its signal: then it throws the reason. */
  async run(signal: AbortSignal): Promise<void> {
    const every = this.#options.config.cascades?.resync
    if (every === undefined) return
    for (;;) {
      for (const [name, child] of this.#children) {
        if (child.isAsked || performance.now() < child.nextAt) continue
        child.isAsked = true
        this.#options.ask(name)
      }
      await sleep(Math.min(every, TICK_MS), signal)
    }
  }

  /** A load begins. Answers what to call once it is done: the next one is due an interval later. */
  reads({ table: { name }, scope, readOnly, resume }: LoadRequest): () => void {
    if (scope.kind !== 'all' || readOnly === true) return () => {}
    const began = performance.now()
    return () => {
      const child = this.#children.get(name)
      if (child === undefined) return
      child.isAsked = false
      child.nextAt = performance.now() + (this.#options.config.cascades?.resync ?? 0)
      // When what another run of it had read was read is not known.
      if (resume !== undefined) return
      child.comparedAt = began
      const seconds = Math.round((performance.now() - began) / 1000)
      this.#options.logger.info({ table: name, seconds }, 'a table that foreign keys change unseen was compared')
    }
  }

  /** By table name: for how many seconds changes may have gone unseen; null: since before this process. */
  staleness(): Map<string, number | null> {
    const now = performance.now()
    return new Map(
      [...this.#children].map(([name, { comparedAt }]) => [
        name,
        comparedAt === undefined ? null : Math.round((now - comparedAt) / 1000),
      ]),
    )
  }
}
