import type { Captured } from './capture.ts'

/** The tables that are captured now, as the catalog was seen last. The stream is behind it. */
export class CapturedTables {
  readonly #byName = new Map<string, Captured>()
  readonly #byOid = new Map<number, Captured>()
  /** By name: the one oid under which a table of that name is kept, if it still has that name there. */
  readonly #oids = new Map<string, number>()

  constructor(captured: Iterable<Captured>) {
    for (const one of captured) this.set(one)
  }

  get all(): readonly Captured[] {
    return [...this.#byName.values()]
  }

  named(name: string): Captured | undefined {
    return this.#byName.get(name)
  }

  /** Also one that is gone, as long as no other table took its name or its place. */
  withOid(oid: number): Captured | undefined {
    return this.#byOid.get(oid)
  }

  set(captured: Captured): void {
    const { name } = captured.table
    const before = this.#byName.get(name)
    const former = this.#oids.get(name)
    if (former !== undefined && this.#byOid.get(former)?.table.name === name) this.#byOid.delete(former)
    const renamed = this.#byOid.get(captured.oid)
    if (renamed !== undefined && renamed !== before) this.#byName.delete(renamed.table.name)
    this.#byName.set(name, captured)
    this.#byOid.set(captured.oid, captured)
    this.#oids.set(name, captured.oid)
  }

  /** It is not there under that name: what the stream still brings of it stays its own. */
  gone({ table }: Captured): void {
    this.#byName.delete(table.name)
  }
}
