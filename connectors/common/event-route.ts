import type { Column, Table } from '../../runtime/contract.ts'
import { TailraceError } from '../../runtime/errors.ts'
import { asBuffer, cellEnd, contentAt } from '../../runtime/record/cells.ts'
import { CellTag } from '../../runtime/record/layout.ts'
import type { Tuple } from '../../runtime/record/tuple.ts'
import { quotePart } from '../../runtime/select.ts'
import { type EventOptions, eventColumns, MESSAGE_SCHEMA, type OutboxOptions } from './event-options.ts'
import type { EventNumbers } from './event-tables.ts'

/** Takes events whose type is no name of a table: NULL, empty, too long, or not text. Each row says it itself. */
export const UNTYPED = '_untyped'

/** In UTF-8. */
const MOST_NAME_BYTES = 512
/** Beyond them a source with a type for each row would keep them all in memory. */
const MOST_REMEMBERED = 10_000
const MOST_PREFIXES = 1000

const NOTHING = Buffer.alloc(0)

/** Where the rows of a table go: into that of their type, one for each. */
export class EventRoute {
  /** Names of the columns in whose order rows that are there already are read. */
  readonly order: readonly string[]
  readonly #columns: readonly Column[]
  readonly #typeAt: number
  readonly #options: OutboxOptions
  readonly #numbers: EventNumbers
  readonly #tables = new Map<string, Table>()
  /** Of the row before: rows of one type come together. */
  #lastType: Buffer = NOTHING
  #last: Table | undefined

  /** Throws OUTBOX_COLUMNS. */
  constructor({ columns }: Table, options: OutboxOptions, numbers: EventNumbers) {
    const names = columns.map(({ name }) => name)
    const missing = eventColumns(options).filter(name => !names.includes(name))
    if (missing.length > 0) throw withoutColumns(options, missing, names)
    const { aggregateType, id, timestamp } = options.columns
    this.order = timestamp === undefined ? [id] : [timestamp, id]
    this.#columns = columns
    this.#typeAt = names.indexOf(aggregateType)
    this.#options = options
    this.#numbers = numbers
  }

  /** The newest version of each that there is. */
  get tables(): readonly Table[] {
    return this.#numbers.events(this.#options.schema)
  }

  /** `row`: as the log has it, behind masks. Throws EVENT_TYPES. */
  tableOf({ bytes, at, end }: Tuple): Table {
    let from = at
    for (let i = 0; i < this.#typeAt; i++) from = cellEnd(bytes, from, end)
    const isText = bytes[from] === CellTag.text
    const to = cellEnd(bytes, from, end)
    const content = isText ? contentAt(bytes, from) : to
    const last = this.#lastType
    if (this.#last !== undefined && last.length === to - content && last.compare(bytes, content, to) === 0)
      return this.#last
    const type = isText && to - content <= MOST_NAME_BYTES ? asBuffer(bytes).toString('utf8', content, to) : ''
    const table = this.#named(type === '' ? UNTYPED : type)
    if (type === '') return table
    this.#lastType = Buffer.from(bytes.subarray(content, to))
    this.#last = table
    return table
  }

  #named(type: string): Table {
    const known = this.#tables.get(type)
    if (known !== undefined) return known
    const { schema, maxTypes } = this.#options
    const table = this.#numbers.event({ schema, table: type, columns: this.#columns }, maxTypes)
    if (this.#tables.size < MOST_REMEMBERED) this.#tables.set(type, table)
    return table
  }
}

/** Of a table that is an outbox. Throws OUTBOX_COLUMNS. */
export function routeOf({ outbox }: EventOptions, table: Table, numbers: EventNumbers): EventRoute | undefined {
  return outbox === undefined || table.routed !== true ? undefined : new EventRoute(table, outbox, numbers)
}

const TEXT = { kind: 'text' } as const

const MESSAGE: readonly Column[] = [
  { name: 'prefix', type: TEXT, declared: 'text', nullable: false },
  { name: 'content', type: TEXT, declared: 'text', nullable: false },
]

/** The table of messages with this prefix; its rows have the prefix and the content. Throws EVENT_TYPES. */
export function messageTable(prefix: string, numbers: EventNumbers): Table {
  const isName = prefix !== '' && Buffer.byteLength(prefix) <= MOST_NAME_BYTES
  return numbers.event({ schema: MESSAGE_SCHEMA, table: isName ? prefix : UNTYPED, columns: MESSAGE }, MOST_PREFIXES)
}

function withoutColumns({ table }: OutboxOptions, missing: readonly string[], names: readonly string[]): TailraceError {
  const list = (all: readonly string[]): string => all.map(quotePart).join(', ')
  return new TailraceError('OUTBOX_COLUMNS', 'stop', `The outbox ${table} has no column ${list(missing)}.`, {
    hint: `Under \`outbox.columns\` of the source each column is given its name; \`columns.exclude\` may leave none of them out. Of those asked for there are: ${names.length === 0 ? 'none' : list(names)}.`,
  })
}
