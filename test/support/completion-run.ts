import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { Completer } from '../../runtime/complete.ts'
import type { Batch, LoggedChange, Position, SourceLog } from '../../runtime/contract.ts'
import { INDEX_FOLDER } from '../../runtime/log/embedded/key-index/opening.ts'
import embedded from '../../runtime/log/embedded.ts'
import { createLogger } from '../../runtime/logger.ts'
import { keyTexts } from '../../runtime/record/key.ts'
import { CellTag } from '../../runtime/record/layout.ts'
import { BatchWriter } from '../../runtime/record/writer.ts'
import type { Random } from '../crash/random.ts'
import { tuple } from './records.ts'
import { formerColumns, ScriptedRows } from './scripted-rows.ts'

const signal = new AbortController().signal

/** Scripted rows through completion into an embedded log that is dropped upon, closed and opened on the way. */
export class CompletionRun implements AsyncDisposable {
  readonly #folder: string
  readonly #random: Random
  #rows = new ScriptedRows()
  #log: SourceLog
  #completer: Completer
  #writer = new BatchWriter()
  #position = 0

  private constructor(folder: string, random: Random, log: SourceLog) {
    this.#folder = folder
    this.#random = random
    this.#log = log
    this.#completer = new Completer(log, { formerColumns })
  }

  static async open(folder: string, random: Random): Promise<CompletionRun> {
    return new CompletionRun(folder, random, await openLog(folder))
  }

  /** One unit of a few transactions in a few batches; now and then it is broken off and never becomes visible. */
  async unit(): Promise<void> {
    const random = this.#random
    const rows = new ScriptedRows(this.#rows)
    const breaksOff = random.between(0, 8) === 0
    rows.begin(this.#writer)
    for (let transactions = 1 + random.between(0, 3); transactions > 0; transactions--) {
      this.#writer.begin(String(++this.#position), `0/${this.#position}`, 1n)
      for (let steps = random.between(0, 25); steps > 0; steps--) {
        rows.step(this.#writer, random)
        if (random.between(0, 20) === 0) await this.#append(this.#writer.takePart())
      }
      this.#writer.commit()
    }
    if (breaksOff) {
      await this.#append(this.#writer.takePart())
      await this.#breakOff()
      return
    }
    await this.#append(this.#writer.take({ lane: 'stream', position: String(this.#position) as Position }))
    this.#rows = rows
    if (random.between(0, 6) === 0) await this.reopen()
  }

  /** `rebuild`: without its index. */
  async reopen(rebuild = false): Promise<void> {
    await this.#log[Symbol.asyncDispose]()
    if (rebuild) await rm(join(this.#folder, INDEX_FOLDER), { recursive: true })
    this.#log = await openLog(this.#folder)
    this.#begin()
  }

  /** Throws unless log and index say what the script said. */
  async check(): Promise<void> {
    compare('records', await this.#lines(), this.#rows.lines)
    const { table } = this.#rows
    for (let key = 0; key < 20; key++) {
      const found = await this.#log.newest!(table, tuple(String(key)).bytes)
      const expected = this.#rows.newest(String(key))
      const line = found === undefined || found.kind === 'd' ? undefined : `${found.kind} ${told(found)}`
      if (line !== expected) throw new Error(`key ${key}: the index finds "${line}" instead of "${expected}"`)
    }
    const { index } = await this.#log.stats()
    compare('incomplete', [String(index!.incomplete.get(table.name) ?? 0)], [String(this.#rows.incomplete)])
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#log[Symbol.asyncDispose]()
  }

  async #append(batch: Batch): Promise<void> {
    const parts = this.#completer.parts(batch, signal)
    if (parts === undefined) await this.#log.append(batch, signal)
    else for await (const part of parts) await this.#log.append(part, signal)
  }

  async #breakOff(): Promise<void> {
    if (this.#random.between(0, 2) === 0) {
      await this.reopen()
      return
    }
    await this.#log.resume()
    this.#begin()
  }

  #begin(): void {
    this.#completer = new Completer(this.#log, { formerColumns })
    this.#writer = new BatchWriter([...this.#log.tables().values()])
  }

  async #lines(): Promise<string[]> {
    const lines: string[] = []
    const end = this.#log.end()
    if (end === undefined) return lines
    for await (const batch of this.#log.read('start', () => true, signal)) {
      for (const change of batch) {
        if (change.kind === 't') lines.push('t')
        else if (change.kind === 'd') lines.push(`d ${keyTexts(change.key)[0]}`)
        else if (change.kind !== 's') lines.push(`${change.kind} ${told(change)}`)
      }
      if (this.#log.compare(batch.cursor, end) !== 'before') break
    }
    return lines
  }
}

function told(change: LoggedChange): string {
  const cells = change.table.columns.map((_, i) => (change.tag(i) === CellTag.absent ? '?' : String(change.text(i))))
  if (change.complete === cells.includes('?')) throw new Error(`a record says complete: ${change.complete}`)
  return cells.join(' ')
}

function compare(what: string, found: readonly string[], wanted: readonly string[]): void {
  const place = Array.from({ length: Math.max(found.length, wanted.length) }).findIndex(
    (_, i) => found[i] !== wanted[i],
  )
  if (place === -1) return
  const short = (line: string | undefined): string => (line ?? 'nothing').slice(0, 200)
  throw new Error(`${what}: at ${place} the log has "${short(found[place])}" instead of "${short(wanted[place])}"`)
}

function openLog(folder: string): Promise<SourceLog> {
  const context = { pipeline: 'p', name: 'app', logger: createLogger('silent'), folder }
  return embedded.open(embedded.config.parse({ path: folder, segmentBytes: '64KB' }), context)
}
