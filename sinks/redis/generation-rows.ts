import { abortable } from '../../runtime/abort.ts'
import type { Generation, SinkContext } from '../../runtime/contract.ts'
import { crashPoint } from '../../runtime/crash.ts'
import { generationOwner } from '../../runtime/generation.ts'
import { tableFields } from './catalog.ts'
import type { Argument } from './commands.ts'
import type { Connection } from './connection.ts'
import { FIELD, fenced, fieldsOf, lostRow, rowKey, textsOf } from './cursor-row.ts'
import { OWN } from './key-names.ts'
import type { Reply } from './reply.ts'
import type { Guard } from './scan.ts'

/**
 * What the rows of the next generation say while keys are on their way, so that whoever comes after a crash goes on
 * there. `gone`: live keys that the next generation lacks become previous ones. `rest`: keys of the next generation
 * become live. `recall`: previous keys become those of the next generation, whose row it is already.
 */
export type Step = 'gone' | 'rest' | 'recall'

/** Which generation; undefined: the live one. */
export type Which = Generation | undefined

export const GENERATIONS: readonly Which[] = [undefined, 'next', 'previous']
const TAKE_ATTEMPTS = 20
/** RENAME of a key that went by its ttl, or by hand, after it was looked at. */
const GONE = /^ERR no such key/

type Command = readonly Argument[]

export interface GenerationRow {
  readonly generation: Which
  readonly source: string
  readonly key: string
  /** None: there is no such row. */
  readonly fields: ReadonlyMap<string, string>
}

/** The cursor rows of all sources and generations of a sink, as they were read. */
export class GenerationRows implements Guard {
  readonly sources: readonly string[]
  readonly #connection: Connection
  readonly #rows: readonly GenerationRow[]
  /** What the rows' epochs are, once they were taken over. */
  #epochs: readonly number[] = []

  private constructor(connection: Connection, sources: readonly string[], rows: readonly GenerationRow[]) {
    this.sources = sources
    this.#connection = connection
    this.#rows = rows
  }

  /** As they are, to look at. */
  static async read(connection: Connection, context: SinkContext, signal: AbortSignal): Promise<GenerationRows> {
    return GenerationRows.#read(connection, context, signal, false)
  }

  /** Fences whoever writes to any of them: from here on what `run` and `change` do needs them to be as they are now. */
  static async take(connection: Connection, context: SinkContext, signal: AbortSignal): Promise<GenerationRows> {
    for (let attempt = 1; attempt <= TAKE_ATTEMPTS; attempt++) {
      const rows = await GenerationRows.#read(connection, context, signal, true)
      if (await rows.#raise(signal)) return rows
    }
    throw fenced(connection.server)
  }

  static async #read(
    connection: Connection,
    context: SinkContext,
    signal: AbortSignal,
    watch: boolean,
  ): Promise<GenerationRows> {
    const sources = await sourcesOf(connection, context, signal)
    const places = sources.flatMap(source =>
      GENERATIONS.map(generation => {
        const sink = generationOwner(context.name, generation)
        return { generation, source, key: rowKey({ pipeline: context.pipeline, sink, source }) }
      }),
    )
    const keys = places.map(({ key }) => key)
    const looks = keys.map(key => ['HGETALL', key])
    const replies = await abortable(connection.askAll(watch ? [['WATCH', ...keys], ...looks] : looks), signal)
    const fields = replies.slice(replies.length - keys.length).map(fieldsOf)
    return new GenerationRows(
      connection,
      sources,
      places.map((place, i) => ({ ...place, fields: fields[i]! })),
    )
  }

  /** False if somebody was faster. */
  async #raise(signal: AbortSignal): Promise<boolean> {
    const updatedAt = new Date().toISOString()
    this.#epochs = this.#rows.map(row => (row.fields.size === 0 ? 0 : epochOf(row) + 1))
    const raises = this.#rows.flatMap(({ fields, key }, i) =>
      fields.size === 0 ? [] : [['HSET', key, FIELD.epoch, this.#epochs[i]!, FIELD.updatedAt, updatedAt]],
    )
    const { errors, replies } = await abortable(this.#connection.transact(raises, this.#watch()), signal)
    if (errors === undefined) return false
    this.#refuse(errors)
    this.#expect(replies)
    return true
  }

  /** The generation's rows that are there. */
  of(which: Which): readonly GenerationRow[] {
    return this.#rows.filter(({ generation, fields }) => generation === which && fields.size > 0)
  }

  /** The row's place, whether it is there or not. */
  at(which: Which, source: string): GenerationRow {
    return this.#rows.find(row => row.generation === which && row.source === source)!
  }

  /** Live names of the generation's tables. */
  names(which: Which): ReadonlySet<string> {
    return new Set(this.of(which).flatMap(namesOf))
  }

  /** Whether a cursor vouches for it. What is being removed, or was never written, has none. */
  isThere(which: Which): boolean {
    return this.of(which).some(({ fields }) => fields.has(FIELD.cursor))
  }

  get step(): Step | undefined {
    const steps = this.of('next').map(({ fields }) => fields.get(FIELD.step))
    return steps.find(step => step !== undefined) as Step | undefined
  }

  /** Above every epoch of the sink. */
  get nextEpoch(): number {
    return Math.max(...this.#epochs) + 1
  }

  /**
   * Runs commands on keys, all at once. Keys that have gone meanwhile count as done. Throws SINK_FENCED, SINK_RESTORED if
   * the rows are not as they were taken over, and then nothing ran.
   */
  async run(commands: readonly Command[], signal: AbortSignal): Promise<void> {
    if (commands.length > 0) this.#expect(await this.#transact(commands, this.#watch(), signal))
  }

  /** The same for commands that change the rows, after which this is out of date. */
  async change(commands: readonly Command[], signal: AbortSignal): Promise<void> {
    await this.#transact(commands, [], signal)
  }

  async #transact(
    commands: readonly Command[],
    then: readonly Command[],
    signal: AbortSignal,
  ): Promise<readonly Reply[]> {
    signal.throwIfAborted()
    crashPoint('redis.step')
    const { errors, replies } = await abortable(this.#connection.transact(commands, then), signal)
    if (errors === undefined) {
      this.#expect(await abortable(this.#connection.askAll(this.#watch()), signal))
      throw fenced(this.#connection.server)
    }
    this.#refuse(errors)
    crashPoint('redis.step')
    return replies
  }

  #watch(): Command[] {
    const keys = this.#rows.map(({ key }) => key)
    return [['WATCH', ...keys], ...keys.map(key => ['HMGET', key, FIELD.epoch])]
  }

  /** `state`: the replies to `#watch`. */
  #expect(state: readonly Reply[]): void {
    state.slice(1).forEach((reply, i) => {
      const [found] = textsOf(reply)
      const epoch = this.#epochs[i]!
      if (Number(found ?? 0) !== epoch) throw lostRow(this.#connection.server, found, epoch)
    })
  }

  #refuse(errors: readonly string[]): void {
    for (const error of errors) if (!GONE.test(error)) throw this.#connection.refusal(error)
  }
}

/** Live names of the tables that a row names. */
export function namesOf({ fields }: GenerationRow): string[] {
  return [...tableFields(fields)].map(([, name]) => name)
}

function epochOf({ fields }: GenerationRow): number {
  return Number(fields.get(FIELD.epoch) ?? 0)
}

/** Those of the configuration, and those that have left it. */
async function sourcesOf(connection: Connection, context: SinkContext, signal: AbortSignal): Promise<string[]> {
  const owners = GENERATIONS.map(generation => generationOwner(context.name, generation))
  const known = textsOf(await abortable(connection.ask('SMEMBERS', OWN), signal)).flatMap(key => {
    const [, pipeline, owner, source] = (key ?? '').split(':')
    const isOurs = pipeline === context.pipeline && owners.some(own => own === owner)
    return isOurs && source !== undefined ? [source] : []
  })
  return [...new Set([...context.sources, ...known])]
}
