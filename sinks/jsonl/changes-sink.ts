import type { LoggedChange } from '../../runtime/contract.ts'
import { EnvelopeWriter } from '../../runtime/record/envelope.ts'
import type { CursorFile } from './cursor-file.ts'
import type { Lines } from './lines.ts'
import { type JsonlOptions, JsonlSink } from './sink.ts'

/** Keeps every change: one event a line, in the log's order within a table. */
export class ChangesSink extends JsonlSink {
  protected readonly forgetsFormerLives = false
  readonly #envelopes: EnvelopeWriter

  constructor(options: JsonlOptions, cursorFile: CursorFile) {
    super(options, cursorFile)
    // The log does not say which kind of source fills it.
    this.#envelopes = new EnvelopeWriter({ type: 'tailrace', source: options.source.name, database: null })
  }

  protected encode(change: LoggedChange, into: Lines): number {
    if (change.kind === 's') return 0
    into.raw(this.#envelopes.write(change, change.cursor))
    into.end('\n')
    return 0
  }

  protected async settle(): Promise<void> {}
}
