import { abortable } from '../../runtime/abort.ts'
import type { Table } from '../../runtime/contract.ts'
import { listedFiles } from './manifest.ts'
import { removeOrphans } from './orphans.ts'
import { dropHistory, publishChanges } from './publish-changes.ts'
import { publishRows } from './publish-rows.ts'
import type { Publishing } from './publishing.ts'
import type { Waiting } from './state.ts'

/** When a set is made. */
export interface Limits {
  /** `mode: changes`: once so many changes wait, or so many bytes of them. */
  readonly rows: number
  readonly bytes: number
  /** How long something may wait, in ms. */
  readonly waitMs: number
}

/**
 * Publishes sets beside the writing, one at a time. What fails is told to the next write, which ends the sink: the rows
 * themselves are safe in the store.
 */
export class Publisher implements AsyncDisposable {
  readonly #publishing: Publishing
  readonly #limits: Limits
  readonly #end = new AbortController()
  #changed: Set<string>
  #rows: number
  #bytes = 0
  #isStale: boolean
  #timer: NodeJS.Timeout | undefined
  #making: Promise<void> | undefined
  #failure: unknown
  #isRetry = false
  /** The set that was begun last. */
  #begun: string

  constructor(publishing: Publishing, limits: Limits, { rows, isBegun, tables }: Waiting) {
    this.#publishing = publishing
    this.#limits = limits
    this.#rows = rows
    this.#begun = publishing.sets.manifest.set
    this.#changed = new Set(tables)
    this.#isStale = isBegun || rows > 0 || tables.length > 0
    if (this.#isStale) this.#schedule(isBegun ? 0 : limits.waitMs)
  }

  get #isHistory(): boolean {
    return this.#publishing.sets.manifest.mode === 'changes'
  }

  /** A transaction changes these tables. Adds a note of it: a set that is made after a crash has them, too. */
  readonly touch = async (tables: readonly Table[]): Promise<void> => {
    if (!this.#isHistory) {
      const names = tables.map(({ name }) => name).filter(name => !this.#changed.has(name))
      for (const name of names) this.#changed.add(name)
      await this.#publishing.sets.state.noteChanged(names, this.#begun)
    }
    this.#isStale = true
    this.#schedule(this.#limits.waitMs)
  }

  /** Changes have been committed. */
  wrote(rows: number, bytes: number): void {
    this.#rows += rows
    this.#bytes += bytes
    if (this.#isHistory && this.#isFull) this.#schedule(0)
  }

  get #isFull(): boolean {
    return this.#rows >= this.#limits.rows || this.#bytes >= this.#limits.bytes
  }

  /** To be asked before each write: throws why the last set failed, and waits while more waits than a set takes. */
  async room(signal: AbortSignal): Promise<void> {
    if (this.#isHistory && this.#isFull) await abortable(this.#making ?? Promise.resolve(), signal)
    const failure = this.#failure
    this.#failure = undefined
    if (failure !== undefined) throw failure
  }

  /** A history begins anew. */
  async drop(source: string, isDropped: (table: string) => boolean, signal: AbortSignal): Promise<void> {
    while (this.#making !== undefined) await abortable(this.#making, signal)
    const dropping = dropHistory(this.#publishing, source, isDropped, signal)
    this.#making = dropping.catch(() => {}).finally(() => this.#made())
    await dropping
  }

  #schedule(inMs: number): void {
    if (this.#making !== undefined || this.#end.signal.aborted) return
    if (this.#timer !== undefined && inMs > 0) return
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.#begin(), inMs)
  }

  #begin(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    if (this.#making !== undefined) return
    this.#making = this.#make()
      .catch(error => {
        const { context, sets } = this.#publishing
        context.logger.error({ err: error, sink: context.name, place: sets.place.name }, 'a set could not be published')
        this.#failure = error
        this.#isStale = true
        this.#isRetry = true
      })
      .finally(() => this.#made())
  }

  #made(): void {
    this.#making = undefined
    if (this.#isStale) this.#schedule(this.#isFull && this.#failure === undefined ? 0 : this.#limits.waitMs)
  }

  async #make(): Promise<void> {
    const publishing = this.#publishing
    const { signal } = this.#end
    this.#isStale = false
    if (this.#isHistory) {
      this.#rows = 0
      this.#bytes = 0
      await publishChanges(publishing, signal)
      return
    }
    const { place, manifest } = publishing.sets
    if (this.#isRetry) await removeOrphans(place, listedFiles(manifest), signal)
    this.#isRetry = false
    let taken: ReadonlySet<string> = new Set()
    try {
      const take = (set: string): ReadonlySet<string> => {
        this.#begun = set
        taken = this.#changed
        this.#changed = new Set()
        this.#isStale = false
        return taken
      }
      await publishRows(publishing, take, signal)
    } catch (error) {
      this.#changed = new Set([...taken, ...this.#changed])
      throw error
    }
  }

  /** Ends with a set of all there is. One that fails is made at the next opening. */
  async [Symbol.asyncDispose](): Promise<void> {
    clearTimeout(this.#timer)
    await this.#making
    clearTimeout(this.#timer)
    if (this.#isStale && this.#failure === undefined) {
      this.#begin()
      await this.#making
    }
    clearTimeout(this.#timer)
    this.#end.abort()
  }
}
