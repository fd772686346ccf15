import type { Held } from './catalog.ts'
import type { Client } from './client.ts'
import { Own } from './layout.ts'
import { sqlName } from './names.ts'
import { READING, text } from './sql.ts'

/** Versions of a batch's rows of one table, from the lowest to the highest. */
export interface VersionRange {
  readonly held: Held
  readonly first: bigint
  readonly last: bigint
}

/**
 * Of tables whose rows are told apart by their versions: which rows of a batch are there already. So one that comes again
 * adds nothing, and plain queries count each once, not only those with FINAL.
 */
export class WrittenVersions {
  readonly #client: Client
  readonly #logId: string
  /** By table: the last version of this log that its rows hold. */
  readonly #last = new Map<string, bigint>()
  /** By table: those of the batch at hand. */
  readonly #found = new Map<string, ReadonlySet<bigint>>()

  constructor(client: Client, logId: string) {
    this.#client = client
    this.#logId = logId
  }

  has({ at }: Held, version: bigint): boolean {
    return this.#found.get(sqlName(at))?.has(version) ?? false
  }

  /** Finds out which versions of the range are there. */
  async load({ held, first, last }: VersionRange, signal: AbortSignal): Promise<void> {
    const name = sqlName(held.at)
    const ofLog = `FROM ${name} WHERE ${Own.log} = ${text(this.#logId)}`
    let known = this.#last.get(name)
    if (known === undefined) {
      const sql = `SELECT toString(max(${Own.version})) AS last ${ofLog} ${READING}`
      const [row] = await this.#client.rows<{ readonly last: string }>(sql, signal)
      known = BigInt(row!.last)
      this.#last.set(name, known)
    }
    if (first > known) {
      this.#found.delete(name)
      return
    }
    const within = `${ofLog} AND ${Own.version} BETWEEN ${first} AND ${last} ${READING}`
    const rows = await this.#client.rows<{ readonly found: string }>(
      `SELECT toString(${Own.version}) AS found ${within}`,
      signal,
    )
    this.#found.set(name, new Set(rows.map(({ found }) => BigInt(found))))
  }

  /** The range's rows are there now. */
  add({ held, last }: VersionRange): void {
    const name = sqlName(held.at)
    if (last > (this.#last.get(name) ?? 0n)) this.#last.set(name, last)
  }

  forget(): void {
    this.#last.clear()
    this.#found.clear()
  }
}
