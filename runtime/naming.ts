import { createHash } from 'node:crypto'
import { z } from 'zod'
import type { Table } from './contract.ts'
import { TailraceError } from './errors.ts'

/** Where a row lands: names of tables, files or indexes in a target, made from a template. */

/** What a target can hold as one name. */
export interface NameRules {
  /** In UTF-8 bytes. */
  readonly maxBytes: number
  /** Whether a name may hold this character, and whether it may begin with it. */
  readonly holds: (character: string, first: boolean) => boolean
  /** Names that differ only in the case of letters are one name to the target. */
  readonly caseless: boolean
  /** Names the target keeps for itself; their first character is escaped. */
  readonly reserved?: RegExp
  /** What an escaped character begins with, if the target cannot hold `%`. */
  readonly mark?: string
}

export interface NameParts {
  readonly pipeline: string
  readonly source: string
  readonly schema: string
  readonly table: string
}

const PLACEHOLDER = /\{([^{}]*)\}/g
const PARTS = ['pipeline', 'source', 'schema', 'table'] as const
const HASH_DIGITS = 16

/** The option `name` of a sink. */
export function nameTemplate(byDefault: string): z.ZodDefault<z.ZodString> {
  return z
    .string()
    .refine(template => unknownPlaceholders(template).length === 0, {
      error: `holds something other than {pipeline}, {source}, {schema} and {table} in braces`,
    })
    .refine(template => template.includes('{table}'), { error: 'must hold {table}, or all tables land in one place' })
    .default(byDefault)
}

function unknownPlaceholders(template: string): string[] {
  const unknown = [...template.matchAll(PLACEHOLDER)].filter(([, part]) => !PARTS.some(known => known === part))
  const rest = template.replace(PLACEHOLDER, '')
  return [...unknown.map(([whole]) => whole), ...(/[{}]/.test(rest) ? [rest] : [])]
}

/** The name a template makes, escaped and cut to what the target holds. */
export function nameFrom(template: string, parts: NameParts, rules: NameRules): string {
  return fitName(
    template.replace(PLACEHOLDER, (whole, part: string) => parts[part as keyof NameParts] ?? whole),
    rules,
  )
}

/**
 * A name as the target can hold it: itself if it can, else with each character it cannot hold, and `%`, as `%XX` per
 * UTF-8 byte (or with what stands for `%` there). Too long ones are cut and end in a hash of the whole.
 */
export function fitName(name: string, rules: NameRules): string {
  const characters = [...name]
  const isReserved = rules.reserved?.test(name) ?? false
  const mark = markOf(rules)
  const isHeld = (character: string, i: number): boolean => rules.holds(character, i === 0) && !(i === 0 && isReserved)
  const fit = characters.every(isHeld)
    ? name
    : characters.map((c, i) => (c === mark || !isHeld(c, i) ? escaped(c, mark) : c)).join('')
  if (Buffer.byteLength(fit) <= rules.maxBytes) return fit
  const hash = createHash('sha256').update(name).digest('hex').slice(0, HASH_DIGITS)
  let cut = ''
  let bytes = HASH_DIGITS + 1
  for (const character of fit) {
    bytes += Buffer.byteLength(character)
    if (bytes > rules.maxBytes) break
    cut += character
  }
  return `${cut}_${hash}`
}

/** Names of columns as the target can hold them, in their order: distinct, and none of those in use already. */
export function columnNames(columns: readonly string[], rules: NameRules, inUse: readonly string[] = []): string[] {
  const taken = new Set(inUse.map(name => fold(name, rules)))
  return columns.map(column => {
    let name = fitName(column, rules)
    // A column that differs from an earlier one only by case keeps its letters visible as escapes.
    if (taken.has(fold(name, rules))) name = fitName(escapedCase(column, markOf(rules)), rules)
    if (taken.has(fold(name, rules))) {
      const hash = createHash('sha256').update(column).digest('hex').slice(0, HASH_DIGITS)
      name = `${name.slice(0, Math.max(1, rules.maxBytes - HASH_DIGITS - 1))}_${hash}`
    }
    taken.add(fold(name, rules))
    return name
  })
}

function markOf({ mark = '%' }: NameRules): string {
  return mark
}

function escapedCase(column: string, mark: string): string {
  const isLetter = /[\p{Lu}\p{Lt}]/u
  return [...column].map(c => (c === mark || isLetter.test(c) ? escaped(c, mark) : c)).join('')
}

function escaped(character: string, mark: string): string {
  const bytes = [...Buffer.from(character)]
  return bytes.map(byte => `${mark}${byte.toString(16).toUpperCase().padStart(2, '0')}`).join('')
}

function fold(name: string, rules: NameRules): string {
  return rules.caseless ? name.toLowerCase() : name
}

/** Hands out the names of one target and refuses to hand out one twice. */
export class Names {
  readonly #template: string
  readonly #pipeline: string
  readonly #rules: NameRules
  readonly #owners = new Map<string, string>()

  constructor(template: string, pipeline: string, rules: NameRules) {
    this.#template = template
    this.#pipeline = pipeline
    this.#rules = rules
  }

  /** The name of this table in the target, the same for all its versions. Throws NAME_COLLISION. */
  of(table: Pick<Table, 'name' | 'source' | 'schema' | 'table'>): string {
    const { source, schema, table: own } = table
    const name = nameFrom(this.#template, { pipeline: this.#pipeline, source, schema, table: own }, this.#rules)
    this.claim(name, table.name)
    return name
  }

  /** Keeps a name for `owner`: a table, or something made for one. Throws NAME_COLLISION. */
  claim(name: string, owner: string): void {
    const folded = fold(name, this.#rules)
    const other = this.#owners.get(folded) ?? owner
    if (other !== owner)
      throw new TailraceError('NAME_COLLISION', 'stop', `${other} and ${owner} would both land in "${name}".`, {
        hint: 'Set `name` of the sink to a template that keeps them apart, such as {source}_{schema}_{table}.',
      })
    this.#owners.set(folded, owner)
  }
}
