import { randomBytes } from 'node:crypto'
import type { Table } from '../../runtime/contract.ts'
import { columnNames, type NameRules, Names } from '../../runtime/naming.ts'

/**
 * Names of indexes and fields. Readers use the alias that the template makes; behind it stands the physical index,
 * `<alias>~<random>`, which is replaced by another one and never emptied. Who writes does so through an alias of its
 * own, `<index>~w`, which goes with the index: so a removed one is noticed and never made again by a write.
 */

/** What is refused in names of indexes: MetadataCreateIndexService.validateIndexOrAliasName in Elasticsearch's source. */
const NOT_IN_INDEX = /[\\/*?"<>|,#:~\s\p{Cc}]/u

const INDEX: NameRules = {
  // 255 with what comes behind it.
  maxBytes: 240,
  holds: (character, first) =>
    character === character.toLowerCase() && !NOT_IN_INDEX.test(character) && !(first && /[-_+.]/.test(character)),
  caseless: false,
  reserved: /^tailrace-state$/,
}

/** Names of the engines' own fields, and ours. */
const OWN_FIELDS =
  /^(\s*|_(id|index|type|source|size|field_names|ignored|ignored_source|routing|meta|tier|doc_count|seq_no|version|primary_term|nested_path|feature|tsid|data_stream_timestamp|deleted|parent|timestamp|ttl|all|uid|recovery_source|inference_fields))$/

const FIELD: NameRules = {
  maxBytes: 255,
  // A dot would make an object of it.
  holds: character => character !== '.',
  caseless: false,
  reserved: OWN_FIELDS,
}

export class IndexNames {
  readonly #names: Names

  constructor(template: string, pipeline: string) {
    this.#names = new Names(template, pipeline, INDEX)
  }

  /** The alias of a table. Throws NAME_COLLISION. */
  of(table: Table): string {
    // Escapes have letters too, which an index may have small only.
    return this.#names.of(table).toLowerCase()
  }
}

export function newIndex(alias: string): string {
  return `${alias}~${randomBytes(4).toString('hex')}`
}

export function writeAlias(index: string): string {
  return `${index}~w`
}

/** The fields of a table's columns, in their order. */
export function fieldNames({ columns }: Table): string[] {
  return columnNames(
    columns.map(({ name }) => name),
    FIELD,
  )
}
