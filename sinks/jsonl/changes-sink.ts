import type { LoggedChange } from '../../runtime/contract.ts'
import { keyJson, type Lines } from './lines.ts'
import { JsonlSink } from './sink.ts'

/** Keeps every change: one event a line, in the log's order within a table. */
export class ChangesSink extends JsonlSink {
  protected readonly forgetsFormerLives = false

  protected encode(change: LoggedChange, into: Lines): number {
    const { kind, table } = change
    if (kind === 's') return 0
    into.text(`{"cursor":${JSON.stringify(change.cursor)},"table":${JSON.stringify(table.name)},"op":"${kind}"`)
    if (change.key.length > 0) into.text(`,"key":${keyJson(table, change.key, this.cursorFile.log, change.version)}`)
    if (kind !== 'd' && kind !== 't') {
      into.text(',"after":')
      into.row(change)
    }
    into.end(`,"ts_ms":${change.appendTime / 1000n}}\n`)
    return 0
  }

  protected async settle(): Promise<void> {}
}
