import { giveBack } from '../../runtime/large-memory.ts'
import type { Commands } from './commands.ts'
import type { Connection } from './connection.ts'

/** Commands on their way into one MULTI are handed to the system from this size on. */
const PIECE_BYTES = 256 * 1024

export interface Refused {
  readonly index: number
  readonly reason: string
}

/** The commands of one MULTI while they are gathered: sent in pieces, run by the server all at once. */
export class Transaction {
  readonly commands: Commands
  readonly #connection: Connection
  /** Of each command the index of the change it comes from; -1: the sink's own. */
  readonly causes: number[] = []
  /** Rows found out to be impossible before they were sent: nothing of the transaction is to run. */
  readonly refused: Refused[] = []

  constructor(connection: Connection, commands: Commands) {
    this.#connection = connection
    this.commands = commands
  }

  get isFull(): boolean {
    return this.commands.length >= PIECE_BYTES
  }

  async send(): Promise<void> {
    if (this.commands.length === 0) return
    const bytes = this.commands.take()
    await this.#connection.send(bytes)
    giveBack(bytes)
  }
}
