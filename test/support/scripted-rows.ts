import type { Table } from '../../runtime/contract.ts'
import type { BatchWriter } from '../../runtime/record/writer.ts'
import type { Random } from '../crash/random.ts'
import { column, table, tuple } from './records.ts'

/** Random changes of one table as a source sends them that leaves unchanged values out, and what the log must hold. */

/** A row by the numbers of its columns, which renames do not change; undefined: nobody who saw the log knows it. */
export type Cells = ReadonlyMap<number, string | null | undefined>

/** `kind` and each column's text of a record; `?` where it must be absent. Of a delete its key. */
export type Line = string

interface Row {
  readonly cells: Cells
  readonly line: Line
}

const KEYS = 12
const ID = 2

/** Numbers of the columns, by version: the second has lost the first column and gave its name to the fourth. */
const COLUMNS: readonly (readonly (readonly [number, string])[])[] = [
  [
    [1, 'big'],
    [ID, 'id'],
    [3, 'n'],
    [4, 'note'],
  ],
  [
    [ID, 'id'],
    [3, 'n'],
    [4, 'big'],
    [5, 'more'],
  ],
]

export function scriptedTable(id: number, version: 0 | 1, incarnation: number): Table {
  const columns = COLUMNS[version]!
  return table('thing', {
    id,
    version: version + 1,
    incarnation,
    columns: columns.map(([number, name]) => column(name, number === ID ? 'int64' : 'text')),
    key: [columns.findIndex(([number]) => number === ID)],
    origin: JSON.stringify(columns.map(([number]) => number)),
  })
}

export function formerColumns(now: Table, then: Table): number[] {
  const former = JSON.parse(then.origin) as number[]
  return (JSON.parse(now.origin) as number[]).map(number => former.indexOf(number))
}

/** What is known of every row, and the records that said so. */
export class ScriptedRows {
  readonly lines: Line[]
  #table: Table
  #nextTable: number
  #rows: Map<string, Row>
  #value: number

  constructor(of?: ScriptedRows) {
    this.lines = of === undefined ? [] : [...of.lines]
    this.#table = of === undefined ? scriptedTable(1, 0, 1) : of.#table
    this.#nextTable = of === undefined ? 2 : of.#nextTable
    this.#rows = new Map(of === undefined ? [] : of.#rows)
    this.#value = of === undefined ? 0 : of.#value
  }

  get table(): Table {
    return this.#table
  }

  /** The newest record of a key; undefined if there is none, or it was deleted. */
  newest(key: string): Line | undefined {
    return this.#rows.get(key)?.line
  }

  /** Keys whose newest record has absent cells. */
  get incomplete(): number {
    return [...this.#rows.values()].filter(({ line }) => line.split(' ').includes('?')).length
  }

  begin(writer: BatchWriter): void {
    if (!writer.registry.has(this.#table.id)) writer.announce(this.#table)
  }

  /** One random change, within a transaction. */
  step(writer: BatchWriter, random: Random): void {
    const key = String(random.between(0, KEYS))
    const choice = random.between(0, 100)
    const isLive = this.#rows.has(key)
    if (choice < 2) this.#truncate(writer)
    else if (choice < 4) this.#alter(writer, random)
    else if (choice < 18) this.#delete(writer, key)
    else if (choice < 34) this.#move(writer, random, key)
    else if (!isLive && choice < 90) this.#upsert(writer, 'c', key, random, () => true)
    // Also of rows that the log does not know, or no longer: then nothing must be found.
    else if (choice < 60) this.#upsert(writer, 'u', key, random, () => true)
    else this.#upsert(writer, 'u', key, random, () => random.between(0, 2) === 0)
  }

  #truncate(writer: BatchWriter): void {
    writer.truncate(this.#table)
    this.#rows.clear()
    this.lines.push('t')
  }

  /** The other version, or a new life of the table. */
  #alter(writer: BatchWriter, random: Random): void {
    const isNewLife = random.between(0, 3) === 0
    const { version, incarnation } = this.#table
    this.#table = scriptedTable(this.#nextTable++, version === 1 ? 1 : 0, incarnation + (isNewLife ? 1 : 0))
    if (isNewLife) this.#rows.clear()
    writer.announce(this.#table)
  }

  #delete(writer: BatchWriter, key: string): void {
    writer.delete(this.#table, this.#keyTuple(key), false)
    this.#rows.delete(key)
    this.lines.push(`d ${key}`)
  }

  #move(writer: BatchWriter, random: Random, from: string): void {
    const to = String(random.between(0, KEYS))
    if (to === from || this.#rows.has(to)) return
    const old = this.#rows.get(from)?.cells ?? new Map()
    const next = this.#next(old, to, random, () => random.between(0, 3) === 0)
    writer.delete(this.#table, this.#keyTuple(from), false, keyOf(to))
    this.#rows.delete(from)
    this.lines.push(`d ${from}`)
    this.#write(writer, 'u', to, next, keyOf(from))
  }

  #upsert(writer: BatchWriter, kind: 'c' | 'u', key: string, random: Random, isSent: () => boolean): void {
    this.#write(writer, kind, key, this.#next(this.#rows.get(key)?.cells ?? new Map(), key, random, isSent))
  }

  /** What is sent, and what is then known. */
  #next(old: Cells, key: string, random: Random, isSent: () => boolean): { sent: Cells; known: Cells } {
    const sent = new Map<number, string | null | undefined>()
    const known = new Map<number, string | null | undefined>()
    for (const number of JSON.parse(this.#table.origin) as number[]) {
      if (number === ID) sent.set(number, key)
      else if (isSent()) sent.set(number, this.#fresh(random, number))
      known.set(number, sent.has(number) ? sent.get(number) : old.get(number))
    }
    return { sent, known }
  }

  #fresh(random: Random, number: number): string | null {
    if (random.between(0, 10) === 0) return null
    const wide = number === 1 || number === 4
    // Now and then so wide that the key lies further behind than a record's header can say.
    return `${++this.#value}${'·'.repeat(wide ? random.between(0, random.between(0, 30) === 0 ? 40_000 : 200) : 0)}`
  }

  #write(
    writer: BatchWriter,
    kind: 'c' | 'u',
    key: string,
    next: { sent: Cells; known: Cells },
    from?: Uint8Array,
  ): void {
    const numbers = JSON.parse(this.#table.origin) as number[]
    writer.row(kind, this.#table, tuple(...numbers.map(number => next.sent.get(number))), undefined, from)
    const text = (number: number): string =>
      next.known.get(number) === undefined ? '?' : String(next.known.get(number))
    const line = [kind, ...numbers.map(text)].join(' ')
    this.#rows.set(key, { cells: next.known, line })
    this.lines.push(line)
  }

  #keyTuple(key: string): ReturnType<typeof tuple> {
    return tuple(...(JSON.parse(this.#table.origin) as number[]).map(number => (number === ID ? key : null)))
  }
}

function keyOf(text: string): Uint8Array {
  return tuple(text).bytes
}
