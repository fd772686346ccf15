import { pino } from 'pino'
import type { Batch, Cursor, LogBatch, Position, SourceLog } from '../../runtime/contract.ts'
import { errorCode } from '../../runtime/errors.ts'
import type { AppendLimits } from '../../runtime/log/embedded/append-limits.ts'
import { openLog } from '../../runtime/log/embedded/open.ts'
import { BatchWriter } from '../../runtime/record/writer.ts'
import type { Random } from '../crash/random.ts'
import { column, table, tuple } from './records.ts'
import type { SimulatedFs } from './simulated-fs.ts'

export const FOLDER = '/log/app'
export const never = new AbortController().signal
export const silent = pino({ level: 'silent' })

/** Small, so that a few units fill segments and the ring and bring checkpoints. */
export const SMALL: AppendLimits = {
  segmentBytes: 1500,
  maxBytes: Number.POSITIVE_INFINITY,
  checkpointBytes: 2500,
  ringBytes: 3000,
}

export const units = table('units', {
  columns: [column('id', 'int64'), column('unit'), column('rows'), column('attempt')],
})

export function open(fs: SimulatedFs, limits: Partial<AppendLimits> = {}): Promise<SourceLog> {
  return openLog(fs, FOLDER, { ...SMALL, ...limits }, silent)
}

/** A source of numbered units: unit n has its number, size and attempt in every row, and position n. */
export class UnitSource {
  readonly #random: Random
  readonly #attempt: string
  readonly #writer: BatchWriter
  #unit: number

  /** Goes on behind unit `unit`. `attempt` tells the rows of one life from those of another. */
  constructor(random: Random, unit: number, attempt: number, writer = new BatchWriter()) {
    this.#random = random
    this.#unit = unit
    this.#attempt = String(attempt)
    this.#writer = writer
  }

  get unit(): number {
    return this.#unit
  }

  /** The next unit, in one or more batches. */
  next(): Batch[] {
    const writer = this.#writer
    const unit = String(++this.#unit)
    if (this.#random.chance(0.1)) return [writer.take({ lane: 'stream', position: unit as Position })]
    const rows = this.#random.between(1, this.#random.chance(0.05) ? 40 : 6)
    const batches: Batch[] = []
    if (!writer.registry.has(units.id)) writer.announce(units)
    writer.begin(unit, unit, 1000n)
    for (let i = 0; i < rows; i++) {
      writer.row('c', units, tuple(`${unit}-${i}`, unit, String(rows), this.#attempt))
      if (this.#random.chance(0.1)) batches.push(writer.takePart())
    }
    writer.commit()
    return [...batches, writer.take({ lane: 'stream', position: unit as Position })]
  }
}

/** Everything in the log from its start, as text, and the cursor behind each unit's last row. */
export interface Contents {
  readonly rows: readonly string[]
  readonly cursors: ReadonlyMap<number, Cursor>
}

/** Reads up to the end and checks that every unit in it is whole, of one attempt, and in order. */
export async function contents(log: SourceLog): Promise<Contents> {
  const rows: string[] = []
  const cursors = new Map<number, Cursor>()
  const end = log.end()
  if (end === undefined) return { rows, cursors }
  let left = 0
  let unit = 0
  let attempt: string | null = ''
  for await (const batch of log.read('start', () => true, never, { maxRows: 7 })) {
    for (const change of batch) {
      if (change.kind !== 'c') continue
      const [id, number, size, of] = [0, 1, 2, 3].map(i => change.text(i)) as [string, string, string, string]
      if (left === 0) {
        if (Number(number) <= unit) throw new Error(`unit ${number} came after unit ${unit}`)
        unit = Number(number)
        attempt = of
        left = Number(size)
      }
      if (Number(number) !== unit || of !== attempt)
        throw new Error(`unit ${unit} is torn at row ${id} of attempt ${of}`)
      left--
      rows.push(`${id} ${of}`)
      cursors.set(unit, change.cursor)
    }
    if (batch.cursor === end) break
  }
  if (left > 0) throw new Error(`unit ${unit} lacks ${left} rows`)
  return { rows, cursors }
}

/** The number of the last unit that the log holds. */
export async function lastUnit(log: SourceLog): Promise<number> {
  return Number((await log.resume())?.stream ?? 0)
}

/** Follows the log in the background and remembers the newest unit it has seen a row of. */
export class Watcher {
  readonly #stop = new AbortController()
  readonly #done: Promise<void>
  newest = 0

  constructor(log: SourceLog) {
    this.#done = this.#follow(log.read('start', () => true, this.#stop.signal))
  }

  async stop(): Promise<void> {
    this.#stop.abort()
    await this.#done
  }

  async #follow(batches: AsyncIterable<LogBatch>): Promise<void> {
    try {
      for await (const batch of batches)
        for (const change of batch) if (change.kind === 'c') this.newest = Number(change.text(1))
    } catch (error) {
      if (!this.#stop.signal.aborted && errorCode(error) === 'LOG_DAMAGED') throw error
    }
  }
}
