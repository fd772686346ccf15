import assert from 'node:assert/strict'
import { pino } from 'pino'
import type { LogBatch, Sink, SinkContext, Table, Target } from '../../runtime/contract.ts'
import { column, expectedRows, ScriptedLog, table, tuple } from './scripted-log.ts'
import { rowsIn } from './sink-driver.ts'

/** A target of its own for one test. */
export interface SinkPlace extends AsyncDisposable {
  open(context: SinkContext): Promise<Target>
  /** As if someone had wiped the target while nothing ran. */
  empty(): Promise<void>
  /** Answers a function that puts the present state back later. */
  backup(): Promise<() => Promise<void>>
  /** The plugin's own `shown`, for its options here. */
  shown(table: Table): readonly (((text: string) => string) | undefined)[]
  /** Texts of values, by their text in the log, that come back otherwise. */
  readonly bent?: Readonly<Record<string, string>>
  /** Some values of some types are refused. */
  readonly refuses?: boolean
  /**
   * What a child process needs to open the same place: type and options; and the crash point (runtime/crash.ts)
   * between the rows of a batch and its cursor.
   */
  readonly child: { readonly type: string; readonly options: unknown; readonly crashPoint: string }
  /** Of targets in files: where they are, and crash points that a purge passes. */
  readonly files?: {
    readonly folder: string
    readonly crashPoints: readonly string[]
    /** The server removes files of what it has dropped by itself: after so many seconds at most. */
    readonly settlesWithin?: number
    /** What the files hold that has no plain form in them: it is packed. */
    unpacked?(): Promise<string>
  }
  /** Of sinks with generations. */
  readonly generations?: {
    /** Crash points that a swap passes. */
    readonly crashPoints: readonly string[]
    /** A client of the target's own, beside the sink. */
    client(): Promise<ItemsClient>
  }
}

/** Reads `items` as users of the target do. */
export interface ItemsClient extends AsyncDisposable {
  /**
   * `name` by `id`: each row as it was at some moment of the call. Of targets that show a copy to their readers, as the
   * copy is.
   */
  read(): Promise<ReadonlyMap<string, string>>
}

export const never = new AbortController().signal

export const sinkContext = (rest: Partial<SinkContext> = {}): SinkContext => ({
  pipeline: 'shop',
  name: 'copy',
  logger: pino({ level: 'silent' }),
  sources: ['app', 'other'],
  onDelete: 'delete',
  ...rest,
})

export const LOG_ID = '5c21'

export const items = table(1, 'public.items', [column('id', 'int64'), column('name', 'text'), column('note', 'text')])

/** One test's target with a log to feed it from, whose first batch announces `items`. */
export class SinkRig {
  place!: SinkPlace
  target!: Target
  log!: ScriptedLog
  batches!: LogBatch[]

  async begin(place: SinkPlace): Promise<void> {
    this.place = place
    this.target = await place.open(sinkContext())
    this.log = new ScriptedLog(LOG_ID)
    this.batches = [this.log.batch(writer => writer.announce(items))]
  }

  async end(): Promise<void> {
    await this.target[Symbol.asyncDispose]()
    await this.place[Symbol.asyncDispose]()
  }

  openSink(source = 'app', logId = LOG_ID): Promise<Sink> {
    return this.target.sink({ name: source, logId }, never)
  }

  async reopen(): Promise<Sink> {
    await this.target[Symbol.asyncDispose]()
    this.target = await this.place.open(sinkContext())
    return this.openSink()
  }

  /** An upsert of one row of `items` as a batch; undefined cells are absent. */
  put(id: string, ...rest: (string | null | undefined)[]): LogBatch {
    return this.log.batch(writer => writer.row('u', items, tuple([id, ...rest])))
  }

  /** The sink shows what the batches say, every column of every row. */
  async expectEqual(sink: Sink, of = items): Promise<void> {
    const shown = await rowsIn(sink, of)
    const expected = expectedRows(this.batches, of.name)
    assert.deepEqual(new Set(shown.keys()), new Set(expected.keys()))
    for (const [key, row] of expected) assert.deepEqual(Object.entries(shown.get(key)!), Object.entries(row))
  }
}
