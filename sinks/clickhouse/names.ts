import type { Table } from '../../runtime/contract.ts'
import { type NameRules, Names, nameFrom } from '../../runtime/naming.ts'
import { quote } from './sql.ts'
import { STATE_TABLE } from './state.ts'

/** Where a table is. */
export interface Place {
  readonly database: string
  readonly name: string
}

/** In files a byte takes up to three, of which a name may have some 200. A tilde is in names of tables that are not shown. */
const TABLE: NameRules = {
  maxBytes: 64,
  holds: character => character !== '~' && character !== '\0',
  caseless: false,
  reserved: new RegExp(`^(${STATE_TABLE}|system|information_schema)$`, 'i'),
}

/** A dot would make a part of a Nested of it. Columns with an underscore first may be the server's own (`_part`). */
export const COLUMN: NameRules = {
  maxBytes: 127,
  holds: character => character !== '.' && character !== '\0',
  caseless: false,
  reserved: /^_(part|partition|sample|block|row|distance|table|database|shard|disk|path|file|size|time|headers|etag)/,
}

/** The places of all tables of one sink: two tables never get one. */
export class Places {
  readonly #template: Place
  readonly #pipeline: string
  readonly #names: Names

  /** Of schema and table; without a dot, a table of `database`. */
  constructor(template: string, pipeline: string, database: string) {
    const dot = template.indexOf('.')
    this.#template =
      dot === -1 ? { database, name: template } : { database: template.slice(0, dot), name: template.slice(dot + 1) }
    this.#pipeline = pipeline
    this.#names = new Names('{table}', pipeline, TABLE)
  }

  /** Throws NAME_COLLISION. */
  of({ name: owner, source, schema, table }: Table): Place {
    const parts = { pipeline: this.#pipeline, source, schema, table }
    const place = {
      database: nameFrom(this.#template.database, parts, TABLE),
      name: nameFrom(this.#template.name, parts, TABLE),
    }
    this.#names.claim(sqlName(place), owner)
    return place
  }
}

export function sqlName({ database, name }: Place): string {
  return `${quote(database)}.${quote(name)}`
}

/** Where the table of a generation is that is not shown to readers. */
export function hiddenPlace({ database, name }: Place, generation: string): Place {
  return { database, name: `${name}~${generation}` }
}

/** Where a table is made that takes another one's place. */
export function makingPlace(place: Place): Place {
  return hiddenPlace(place, 'making')
}

/** Where keys are kept for a statement about them. */
export function keysPlace(place: Place): Place {
  return hiddenPlace(place, 'keys')
}
