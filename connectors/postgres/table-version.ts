import type { Table } from '../../runtime/contract.ts'
import { isTailraceError, type TailraceError } from '../../runtime/errors.ts'
import { freeze } from '../../runtime/record/schema.ts'
import { qualifiedName } from '../../runtime/select.ts'
import { type EventNumbers, type EventTable, eventTable, isEventTable } from '../common/event-tables.ts'
import { hiddenKey, maskedColumn, maskHash } from '../common/mask.ts'
import { addByName, type VersionsByName } from '../common/versions-by-name.ts'
import { digest } from './catalog-rows.ts'
import { type DefinedColumn, type Definition, isSameRelation, type Origin, originOf } from './definition.ts'
import { rewriteOf } from './rewrite.ts'

export interface Numbers extends EventNumbers {
  number(definition: Definition, known: VersionsByName): Numbered
}

export interface Numbered {
  /** Its origin says if rows of versions before it must be read again. */
  readonly version: Table
  /** Set where going on would let values pass that were masked or excluded: throw it (MASK_LOST). */
  readonly lost: TailraceError | undefined
}

/**
 * Gives tables their ids: the one of an equal version, else the next. One for everything that reads a source, so that no
 * id is given twice.
 */
export class Numbering implements Numbers {
  readonly #source: string
  readonly #issued = new Map<string, Table[]>()
  #last = 0
  readonly #mask: string | undefined
  #catalog: string | undefined

  /** `known`: all versions so far. `catalog` as in Origin. */
  constructor(source: string, known: readonly Table[], maskKey: string | undefined, catalog?: string) {
    this.#source = source
    this.#catalog = catalog
    for (const table of known) this.#issue(table)
    this.#mask =
      maskKey === undefined ? undefined : digest(maskHash(maskKey, Buffer.from('tailrace')).toString('latin1'))
  }

  /**
   * `known`: the versions whose rows were read, in whose place the definition comes. What they have in it, and what
   * changed without events, is told by the newest of them; others were numbered ahead of their rows.
   */
  number(definition: Definition, known: VersionsByName): Numbered {
    const drafted = this.#draft(definition)
    const own = known.get(drafted.name) ?? []
    const before = newest(own)
    const issued = this.#issued.get(drafted.name) ?? []
    const last = newest(issued)
    if (last === undefined) return { version: this.#add(drafted, 1, 1), lost: undefined }
    if (drafted.routed === true) return { version: this.#routed(drafted, issued, last), lost: undefined }
    const base = before ?? last
    const equal = issued.findLast(table => table.incarnation >= base.incarnation && isSameDefinition(table, drafted))
    const isKnown = equal !== undefined && (before === undefined || own.some(({ id }) => id === equal.id))
    const rewrite = isKnown ? undefined : rewriteOf(base, definition, originOf(drafted))
    const [stale, lost] = isTailraceError(rewrite) ? [undefined, rewrite] : [rewrite, undefined]
    if (equal !== undefined) return { version: equal, lost }
    if (hasOtherKey(base, drafted)) {
      const reborn = markStale(drafted, stale ?? 'its rows are told apart by other values')
      return { version: this.#add(reborn, last.incarnation + 1, 1), lost }
    }
    const marked = stale === undefined ? drafted : markStale(drafted, stale)
    const versions = issued.filter(({ incarnation }) => incarnation === base.incarnation).map(({ version }) => version)
    return { version: this.#add(marked, base.incarnation, Math.max(...versions) + 1), lost }
  }

  /** Nothing that becomes of an outbox makes its events others, or has it read again. */
  #routed(drafted: Table, issued: readonly Table[], last: Table): Table {
    const equal = issued.findLast(table => isSameDefinition(table, drafted))
    return equal ?? this.#add(drafted, last.incarnation, last.version + 1)
  }

  /** As EventNumbers. */
  event(wanted: EventTable, most: number): Table {
    return eventTable(wanted, most, {
      source: this.#source,
      issued: name => this.#issued.get(name) ?? [],
      events: schema => this.events(schema),
      add: (drafted, incarnation, version) => this.#add(drafted, incarnation, version),
    })
  }

  events(schema: string): Table[] {
    return [...this.#issued.values()]
      .map(versions => versions.at(-1)!)
      .filter(table => table.schema === schema && isEventTable(table))
  }

  /**
   * The same where every row is read again: a table of that name goes on as long as its rows are told apart by the same
   * columns, also if it was dropped and made again or is in another database.
   */
  readonly byName: Numbers = {
    event: (wanted, most) => this.event(wanted, most),
    events: schema => this.events(schema),
    number: (definition, known) => {
      const drafted = this.#draft(definition)
      const before = newest(known.get(drafted.name) ?? [])
      if (before === undefined || !hasOtherKey(before, drafted) || !hasSameKeyColumns(before, drafted))
        return this.number(definition, known)
      const { name, incarnation } = before
      const life = this.#issued.get(name)!.filter(table => table.incarnation === incarnation)
      const equal = life.findLast(table => isSameDefinition(table, drafted))
      const next = Math.max(...life.map(({ version }) => version)) + 1
      return { version: equal ?? this.#add(drafted, incarnation, next), lost: undefined }
    },
  }

  /** Tables are those of another database from here on. */
  moveTo(catalog: string): void {
    this.#catalog = catalog
  }

  #draft({ schema, table, oid, appendOnly, routed, key, columns, files }: Definition): Table {
    const kept = columns.filter(({ rule }) => rule !== 'exclude')
    const excluded = columns.filter(({ rule }) => rule === 'exclude').map(({ column }) => column.name)
    const name = qualifiedName([this.#source, schema, table])
    const isHashed = columns.some(({ rule }) => rule === 'hash')
    const origin: Origin = {
      oid,
      attributes: columns.map(({ attribute, column }) => [
        attribute.attnum,
        column.name,
        attribute.typeOid,
        attribute.typmod,
      ]),
      key,
      files,
      mask: isHashed ? (this.#mask ?? null) : null,
      ...(this.#catalog === undefined ? {} : { catalog: this.#catalog }),
    }
    return {
      id: 0,
      name,
      source: this.#source,
      schema,
      table,
      incarnation: 0,
      version: 0,
      columns: kept.map(({ column, rule }) => maskedColumn(column, rule)),
      key: key.map(attnum => this.#keyColumn(attnum, kept, columns, qualifiedName([schema, table]))),
      appendOnly,
      ...(routed ? { routed } : {}),
      ...(excluded.length === 0 ? {} : { excluded }),
      origin: JSON.stringify(origin),
    }
  }

  #keyColumn(attnum: number, kept: readonly DefinedColumn[], all: readonly DefinedColumn[], table: string): number {
    const index = kept.findIndex(({ attribute }) => attribute.attnum === attnum)
    const rule = kept[index]?.rule
    if (rule === 'keep' || rule === 'hash') return index
    const column = all.find(({ attribute }) => attribute.attnum === attnum)?.column.name ?? 'generated by the server'
    throw hiddenKey(column, table, rule)
  }

  #add(drafted: Table, incarnation: number, version: number): Table {
    const table = freeze({ ...drafted, id: this.#last + 1, incarnation, version })
    this.#issue(table)
    return table
  }

  #issue(table: Table): void {
    addByName(this.#issued, table)
    this.#last = Math.max(this.#last, table.id)
  }
}

function markStale(table: Table, stale: string): Table {
  return { ...table, origin: JSON.stringify({ ...originOf(table), stale } satisfies Origin) }
}

function newest(tables: readonly Table[]): Table | undefined {
  return tables.reduce<Table | undefined>((a, b) => (a === undefined || b.id > a.id ? b : a), undefined)
}

function isSameDefinition(known: Table, drafted: Table): boolean {
  const a = originOf(known)
  const b = originOf(drafted)
  return (
    !hasOtherKey(known, drafted) &&
    a.mask === b.mask &&
    known.appendOnly === drafted.appendOnly &&
    known.routed === drafted.routed &&
    JSON.stringify(known.columns) === JSON.stringify(drafted.columns) &&
    a.attributes.length === b.attributes.length &&
    a.attributes.every(([attnum, name, type, typmod], i) => {
      const [otherAttnum, otherName, otherType, otherTypmod] = b.attributes[i]!
      const isSamePlace = attnum === otherAttnum || attnum === 0 || otherAttnum === 0
      return isSamePlace && name === otherName && type === otherType && typmod === otherTypmod
    })
  )
}

/** Another table by that name, or rows that are told apart by other values: a new incarnation. */
function hasOtherKey(known: Table, drafted: Table): boolean {
  const a = originOf(known)
  const b = originOf(drafted)
  if (!isSameRelation(a, b) || a.key.join() !== b.key.join()) return true
  return hasOtherMask(known, drafted)
}

function hasSameKeyColumns(known: Table, drafted: Table): boolean {
  const names = ({ key, columns }: Table): string => JSON.stringify(key.map(i => columns[i]!.name))
  return names(known) === names(drafted) && !hasOtherMask(known, drafted)
}

/** Of the key. */
function hasOtherMask(known: Table, drafted: Table): boolean {
  const [a, b] = [originOf(known), originOf(drafted)]
  if (a.mask !== b.mask && drafted.key.some(i => drafted.columns[i]!.masked)) return true
  return known.key.some((column, i) => known.columns[column]!.masked !== drafted.columns[drafted.key[i]!]!.masked)
}
