import { isUtf8 } from 'node:buffer'
import fc from 'fast-check'
import type { Batch, ChangeView, Position, Table } from '../../../runtime/contract.ts'
import { keyFromTexts, keyTexts } from '../../../runtime/record/key.ts'
import { CellTag } from '../../../runtime/record/layout.ts'
import { BatchWriter } from '../../../runtime/record/writer.ts'
import { column, table, tuple } from '../../support/records.ts'

/** Random use of a BatchWriter, and what its readers must see. */

export type Value = string | Uint8Array | null | undefined

const wide = Array.from({ length: 40 }, (_, i) => column(`c${i}`))
export const TABLES: readonly Table[] = [
  table('plain', { id: 1 }),
  table('run', { id: 2, columns: [column('a'), column('b'), column('c'), column('d')], key: [1, 2] }),
  table('apart', { id: 3, columns: [column('a'), column('b'), column('c')], key: [2, 0] }),
  table('keyless', { id: 70_000, columns: [column('a'), column('b')], key: [], appendOnly: true }),
  table('empty', { id: 5, columns: [], key: [], appendOnly: true }),
  table('wide', { id: 0xffff_ffff, columns: wide, key: [39] }),
]

export type Step =
  | { readonly what: 'row'; readonly kind: 'c' | 'r' | 'u' | 'm'; readonly table: Table; readonly row: Value[] }
  | { readonly what: 'full'; readonly table: Table; readonly row: Value[]; readonly before: Value[] }
  | { readonly what: 'delete'; readonly table: Table; readonly row: Value[]; readonly full: boolean }
  | { readonly what: 'moved'; readonly table: Table; readonly row: Value[]; readonly old: Value[] }
  | { readonly what: 'truncate' | 'schema'; readonly table: Table }
  | { readonly what: 'part' }
  | { readonly what: 'take' }

export type Act =
  | { readonly what: 'transaction'; readonly load: boolean; readonly time: bigint; readonly steps: readonly Step[] }
  | { readonly what: 'schema'; readonly table: Table; readonly row: Value[] }
  | { readonly what: 'message'; readonly table: Table; readonly row: Value[] }
  | { readonly what: 'take' }

/** A change as its readers must see it, in plain values. */
export interface Seen {
  readonly kind: string
  readonly table: number
  readonly key: string
  readonly complete: boolean
  readonly transaction: string | undefined
  readonly position: string
  readonly commitTime: bigint
  readonly index: number
  readonly moved: string | undefined
  readonly hasBefore: boolean
  readonly tags: readonly number[]
  readonly texts: readonly (string | null)[]
  readonly before: readonly (string | null | undefined)[]
}

const text = fc.oneof(
  { arbitrary: fc.string({ unit: 'binary', maxLength: 20 }), weight: 30 },
  { arbitrary: fc.constantFrom('', '\u{feff}a', '\u0000', 'NULL', '💧', '"\\\n', '\ud7ff'), weight: 10 },
  { arbitrary: fc.constant('x'.repeat(70_000)), weight: 1 },
)
const filled = fc.oneof({ arbitrary: text, weight: 6 }, { arbitrary: fc.uint8Array({ maxLength: 9 }), weight: 1 })
const value: fc.Arbitrary<Value> = fc.oneof(
  { arbitrary: filled, weight: 4 },
  { arbitrary: fc.constantFrom(null, undefined), weight: 1 },
)
const anyTable = fc.constantFrom(...TABLES)
const keyed = fc.constantFrom(...TABLES.filter(({ key }) => key.length > 0))

function row(of: Table): fc.Arbitrary<Value[]> {
  return fc.tuple(...of.columns.map((_, i) => (of.key.includes(i) ? filled : value))) as fc.Arbitrary<Value[]>
}

const step: fc.Arbitrary<Step> = fc.oneof(
  anyTable.chain(of =>
    fc.record({
      what: fc.constant('row' as const),
      kind: fc.constantFrom('c', 'r', 'u', 'm'),
      table: fc.constant(of),
      row: row(of),
    }),
  ),
  anyTable.chain(of =>
    fc.record({ what: fc.constant('full' as const), table: fc.constant(of), row: row(of), before: row(of) }),
  ),
  keyed.chain(of =>
    fc.record({ what: fc.constant('delete' as const), table: fc.constant(of), row: row(of), full: fc.boolean() }),
  ),
  keyed.chain(of =>
    fc.record({ what: fc.constant('moved' as const), table: fc.constant(of), row: row(of), old: row(of) }),
  ),
  fc.record({ what: fc.constantFrom('truncate' as const, 'schema' as const), table: anyTable }),
  fc.constantFrom<Step>({ what: 'part' }, { what: 'take' }),
)

const act: fc.Arbitrary<Act> = fc.oneof(
  {
    arbitrary: fc.record({
      what: fc.constant('transaction' as const),
      load: fc.boolean(),
      time: fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n),
      steps: fc.array(step, { maxLength: 6 }),
    }),
    weight: 3,
  },
  {
    arbitrary: anyTable.chain(of =>
      fc.record({ what: fc.constantFrom('schema', 'message'), table: fc.constant(of), row: row(of) }),
    ),
    weight: 1,
  },
  { arbitrary: fc.constant({ what: 'take' as const }), weight: 1 },
)

export const script = fc.array(act, { maxLength: 8 })

const keyOfRow = (of: Table, values: readonly Value[]): Uint8Array => keyFromTexts(of.key.map(i => values[i] as never))
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

function tagOf(cell: Value): number {
  if (cell === null) return CellTag.null
  if (cell === undefined) return CellTag.absent
  return typeof cell === 'string' || isUtf8(cell) ? CellTag.text : CellTag.bytes
}

function textOf(cell: Value): string | null {
  if (cell === null || cell === undefined) return null
  if (typeof cell === 'string') return cell
  return isUtf8(cell) ? Buffer.from(cell).toString() : `\\x${hex(cell)}`
}

export interface Played {
  readonly batches: readonly Batch[]
  /** The bytes of each batch as they were when it was taken. */
  readonly copies: readonly Buffer[]
  /** Batches inside whose last transaction they were taken. */
  readonly cut: ReadonlySet<Batch>
  /** Every change written, in order. */
  readonly expected: readonly Seen[]
}

/** Plays the script; `longFrom` as in BatchWriter. */
export function play(acts: readonly Act[], longFrom: number): Played {
  const writer = new BatchWriter(TABLES, longFrom)
  const batches: Batch[] = []
  const copies: Buffer[] = []
  const cut = new Set<Batch>()
  const expected: Seen[] = []
  let ended = 0
  const keep = (batch: Batch): void => {
    batches.push(batch)
    copies.push(Buffer.from(batch.bytes))
  }
  const take = (): void => keep(writer.take({ lane: 'stream', position: String(ended++) as Position }))
  acts.forEach((each, i) => {
    if (each.what === 'take') {
      take()
      return
    }
    if (each.what === 'schema' || each.what === 'message') {
      const of = each.table
      if (each.what === 'schema') writer.announce(of)
      else writer.row('m', of, tuple(...each.row))
      expected.push(
        each.what === 'schema'
          ? seen('s', of, undefined, {})
          : seen('m', of, each.row, { complete: !each.row.includes(undefined) }),
      )
      return
    }
    const about = { transaction: each.load ? undefined : `tx${i}`, position: `at${i}`, commitTime: each.time }
    if (each.load) writer.beginLoad(about.position, each.time)
    else writer.begin(`tx${i}`, about.position, each.time)
    let index = 0
    for (const step of each.steps) {
      if (step.what === 'part') {
        keep(writer.takePart())
        cut.add(batches.at(-1)!)
      } else if (step.what === 'take') {
        if (writer.hasWhole) take()
      } else for (const change of write(writer, step)) expected.push({ ...change, ...about, index: index++ })
    }
    writer.commit()
  })
  take()
  return { batches, copies, cut, expected }
}

function write(writer: BatchWriter, step: Exclude<Step, { what: 'part' | 'take' }>): Seen[] {
  const of = step.table
  switch (step.what) {
    case 'truncate':
      writer.truncate(of)
      return [seen('t', of, undefined, {})]
    case 'schema':
      writer.announce(of)
      return [seen('s', of, undefined, {})]
    case 'row':
      writer.row(step.kind, of, tuple(...step.row))
      return [seen(step.kind, of, step.row, { complete: !step.row.includes(undefined) })]
    case 'full':
      writer.row('u', of, tuple(...step.row), tuple(...step.before))
      return [
        seen('u', of, step.row, {
          complete: !step.row.includes(undefined),
          hasBefore: true,
          before: step.before.map(cell => (cell === undefined ? undefined : textOf(cell))),
        }),
      ]
    case 'delete':
      writer.delete(of, tuple(...step.row), step.full)
      return [gone(of, step.row, step.full)]
    case 'moved': {
      writer.delete(of, tuple(...step.old), false, keyOfRow(of, step.row))
      writer.row('u', of, tuple(...step.row), undefined, keyOfRow(of, step.old))
      return [
        { ...gone(of, step.old, false), moved: hex(keyOfRow(of, step.row)) },
        seen('u', of, step.row, {
          complete: !step.row.includes(undefined),
          moved: hex(keyOfRow(of, step.old)),
          before: keyColumns(of, step.old),
        }),
      ]
    }
  }
}

function seen(kind: string, of: Table, values: readonly Value[] | undefined, more: Partial<Seen>): Seen {
  const cells = values ?? of.columns.map(() => undefined)
  return {
    kind,
    table: of.id,
    key: values === undefined ? '' : hex(keyOfRow(of, values)),
    complete: true,
    transaction: undefined,
    position: '',
    commitTime: 0n,
    index: 0,
    moved: undefined,
    hasBefore: false,
    tags: cells.map(tagOf),
    texts: cells.map(textOf),
    before: of.columns.map(() => undefined),
    ...more,
  }
}

function gone(of: Table, values: readonly Value[], full: boolean): Seen {
  const before = full ? values.map(cell => (cell === undefined ? undefined : textOf(cell))) : keyColumns(of, values)
  return seen('d', of, undefined, { key: hex(keyOfRow(of, values)), hasBefore: full, before })
}

function keyColumns(of: Table, values: readonly Value[]): (string | null | undefined)[] {
  return of.columns.map((_, i) => (of.key.includes(i) ? textOf(values[i]) : undefined))
}

/** All that a view tells. */
export function look(view: ChangeView): Seen {
  const columns = view.table.columns.map((_, i) => i)
  return {
    kind: view.kind,
    table: view.table.id,
    key: hex(view.key),
    complete: view.complete,
    transaction: view.transaction,
    position: view.position,
    commitTime: view.commitTime,
    index: view.index,
    moved: view.moved === undefined ? undefined : hex(view.moved),
    hasBefore: view.hasBefore,
    tags: columns.map(i => view.tag(i)),
    texts: columns.map(i => view.text(i)),
    before: columns.map(i => view.before(i)),
  }
}

/** Everything a reader may ask for, each on its own, so that bad bytes are met wherever they are. */
export const QUESTIONS: readonly ((view: ChangeView) => unknown)[] = [
  look,
  view => hex(view.key),
  view => keyTexts(view.key),
  view => (view.moved === undefined ? undefined : hex(view.moved)),
  view => view.table.columns.map((_, i, { length }) => hex(view.cell(length - 1 - i))),
  view => view.table.columns.map((_, i) => view.before(i)),
  view => [view.transaction, view.position, view.commitTime],
  view => view.toObject(),
  view => {
    const into = Buffer.alloc(4096)
    const end = view.toJson(into, 0)
    return end === -1 ? -1 : into.toString('latin1', 0, end)
  },
]
