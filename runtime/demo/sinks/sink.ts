import type { Rows, TableShape } from '../rows.ts'

/** A sink of the demo: how it is configured, and how it is to people who read it with the target's own means. */
export interface DemoSink {
  readonly name: string
  /** What it is and where: lines for the page. */
  readonly about: readonly string[]
  /** Its part of the configuration. */
  readonly options: Readonly<Record<string, unknown>>
  /** The rows that it holds of a table; called while the pipeline does not run. */
  read(shape: TableShape): Promise<Rows>
  /** Changes, removes and adds one row (tampering.ts), while the pipeline does not run. */
  tamper(): Promise<void>
  readonly examples: readonly Example[]
}

/** A command to try. */
export interface Example {
  readonly what: string
  /** As it stands, while everything is up. */
  readonly live: string
  /** With a name in capitals where an address would be. */
  readonly later: string
}
