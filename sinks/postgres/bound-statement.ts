import type pg from 'pg'

/** What of pg's connection a statement needs. */
interface Wire {
  readonly stream: { write(bytes: Buffer): boolean; cork(): void; uncork(): void }
  readonly parsedStatements: { readonly [name: string]: string }
  parse(statement: { name: string; text: string; types: readonly number[] }): void
}

const BINARY = 1

/**
 * One statement of the extended protocol whose parameters are written as they are: pg would copy them together first. Give
 * it to `query` of a client and await `done`: the rows that it touched.
 * https://www.postgresql.org/docs/current/protocol-message-formats.html
 */
export class BoundStatement implements pg.Submittable {
  /** Empty: not kept at the server. */
  readonly name: string
  readonly text: string
  readonly done: Promise<number>
  readonly #parameters: readonly Buffer[]
  #resolve!: (rows: number) => void
  #reject!: (error: unknown) => void
  #rows = 0

  /** `parameters` in binary, each behind its length. */
  constructor(name: string, text: string, parameters: readonly Buffer[]) {
    this.name = name
    this.text = text
    this.#parameters = parameters
    this.done = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
  }

  submit(connection: pg.Connection): void {
    const wire = connection as unknown as Wire
    const { stream } = wire
    stream.cork()
    if (this.name === '' || wire.parsedStatements[this.name] === undefined)
      wire.parse({ name: this.name, text: this.text, types: [] })
    stream.write(this.#bindHead())
    for (const parameter of this.#parameters) stream.write(parameter)
    stream.write(BEHIND_PARAMETERS)
    stream.uncork()
  }

  /** Up to the parameters: an unnamed portal, the statement, one format for all parameters, and how many they are. */
  #bindHead(): Buffer {
    const name = Buffer.from(this.name)
    const head = Buffer.alloc(1 + 4 + 1 + name.length + 1 + 2 + 2 + 2)
    const parameters = this.#parameters.reduce((sum, { length }) => sum + length, 0)
    head.write('B', 0)
    // Its own length counts, its letter does not; behind the parameters comes the number of result formats.
    head.writeInt32BE(head.length - 1 + parameters + 2, 1)
    name.copy(head, 6)
    const at = 6 + name.length + 1
    head.writeInt16BE(1, at)
    head.writeInt16BE(BINARY, at + 2)
    head.writeUInt16BE(this.#parameters.length, at + 4)
    return head
  }

  handleCommandComplete({ text }: { readonly text: string }): void {
    this.#rows = Number(/\d+$/.exec(text)?.[0] ?? 0)
  }

  handleError(error: unknown): void {
    this.#reject(error)
  }

  handleReadyForQuery(): void {
    this.#resolve(this.#rows)
  }

  handleRowDescription(): void {}
  handleDataRow(): void {}
  handlePortalSuspended(): void {}
  handleEmptyQuery(): void {}
}

/** No result formats; Execute of the unnamed portal, all rows; Sync. */
const BEHIND_PARAMETERS = Buffer.from([0, 0, 0x45, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0x53, 0, 0, 0, 4])
