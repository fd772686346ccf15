import { stateOf, type TableRows } from './catalog-rows.ts'

interface Asked {
  readonly oid: number
  resolve(state: string): void
  reject(error: unknown): void
}

/** Asks the catalog for the states of tables (catalog-rows.ts): what is asked while it answers goes together. */
export class StateLook {
  readonly #read: (oids: readonly number[]) => Promise<ReadonlyMap<number, TableRows>>
  #asked: Asked[] = []
  #isReading = false

  /** `read` must see what is committed at its call: outside of any transaction. */
  constructor(read: (oids: readonly number[]) => Promise<ReadonlyMap<number, TableRows>>) {
    this.#read = read
  }

  /** As it is at the call or later. */
  of(oid: number): Promise<string> {
    return new Promise((resolve, reject) => {
      this.#asked.push({ oid, resolve, reject })
      if (!this.#isReading) void this.#answer()
    })
  }

  async #answer(): Promise<void> {
    this.#isReading = true
    while (this.#asked.length > 0) {
      const asked = this.#asked
      this.#asked = []
      try {
        const tables = await this.#read(asked.map(({ oid }) => oid))
        for (const { oid, resolve } of asked) resolve(stateOf(tables.get(oid)!))
      } catch (error) {
        for (const { reject } of asked) reject(error)
      }
    }
    this.#isReading = false
  }
}
