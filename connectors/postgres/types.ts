import type pg from 'pg'
import type { LogicalType } from '../../runtime/contract.ts'

/** What pg_type says of a type. */
interface TypeRow {
  readonly oid: number
  readonly name: string
  /** In pg_catalog. */
  readonly builtIn: boolean
  /** pg_type.typtype: b base, c composite, d domain, e enum, p pseudo, r range, m multirange. */
  readonly type: string
  readonly category: string
  readonly base: number
  readonly baseTypmod: number
  /** Of an array that array_in reads; else 0. */
  readonly element: number
  readonly delimiter: string
  readonly labels: readonly string[]
}

/** Types by oid. One that the catalog no longer knows is missing. */
export type TypeCatalog = ReadonlyMap<number, TypeRow>

/** A type as a column uses it. */
export interface TypeUse {
  readonly typeOid: number
  readonly typmod: number
}

/** These types and all that they are made of. */
export async function loadTypes(client: pg.ClientBase, oids: Iterable<number>): Promise<TypeCatalog> {
  const { rows } = await client.query<{ type: string }>(
    `WITH RECURSIVE needed(oid) AS (
       SELECT unnest($1::pg_catalog.oid[])
       UNION
       SELECT CASE t.typtype WHEN 'd' THEN t.typbasetype ELSE t.typelem END
       FROM needed JOIN pg_catalog.pg_type t USING (oid)
       WHERE t.typtype = 'd' OR t.typelem <> 0 AND t.typinput = 'pg_catalog.array_in'::pg_catalog.regproc
     )
     SELECT json_build_object(
       'oid', t.oid::bigint, 'name', t.typname, 'builtIn', t.typnamespace = 'pg_catalog'::pg_catalog.regnamespace,
       'type', t.typtype, 'category', t.typcategory, 'base', t.typbasetype::bigint, 'baseTypmod', t.typtypmod,
       'element', CASE WHEN t.typinput = 'pg_catalog.array_in'::pg_catalog.regproc THEN t.typelem::bigint ELSE 0 END,
       'delimiter', t.typdelim,
       'labels', COALESCE((SELECT json_agg(e.enumlabel ORDER BY e.enumsortorder)
                           FROM pg_catalog.pg_enum e WHERE e.enumtypid = t.oid), '[]'::pg_catalog.json)) AS type
     FROM needed JOIN pg_catalog.pg_type t USING (oid)`,
    [[...new Set(oids)]],
  )
  const types = rows.map(row => JSON.parse(row.type) as TypeRow)
  return new Map(types.map(type => [type.oid, type]))
}

/** `format_type` of each use, in order. */
export async function formatTypes(client: pg.ClientBase, uses: readonly TypeUse[]): Promise<string[]> {
  const { rows } = await client.query<{ declared: string }>(
    `SELECT pg_catalog.format_type(u.type, u.typmod) AS declared
     FROM ROWS FROM (unnest($1::pg_catalog.oid[]), unnest($2::pg_catalog.int4[])) WITH ORDINALITY AS u(type, typmod, n)
     ORDER BY u.n`,
    [uses.map(use => use.typeOid), uses.map(use => use.typmod)],
  )
  return rows.map(row => row.declared)
}

const SIMPLE: Readonly<Record<string, LogicalType>> = {
  bool: { kind: 'boolean' },
  int2: { kind: 'int16' },
  int4: { kind: 'int32' },
  int8: { kind: 'int64' },
  oid: { kind: 'int64' },
  float4: { kind: 'float32' },
  float8: { kind: 'float64' },
  bytea: { kind: 'bytes' },
  uuid: { kind: 'uuid' },
  json: { kind: 'json' },
  jsonb: { kind: 'json' },
  xml: { kind: 'xml' },
  bit: { kind: 'bits' },
  varbit: { kind: 'bits' },
  interval: { kind: 'interval' },
  date: { kind: 'date' },
  text: { kind: 'text' },
  varchar: { kind: 'text' },
  bpchar: { kind: 'text' },
  name: { kind: 'text' },
  char: { kind: 'text' },
}

const TIMES: Readonly<Record<string, 'time' | 'timetz' | 'timestamp' | 'timestamptz'>> = {
  time: 'time',
  timetz: 'timetz',
  timestamp: 'timestamp',
  timestamptz: 'timestamptz',
}

/** What the text of a column means. Domains are their base type; what only the database can read is `other`. */
export function logicalType({ typeOid, typmod }: TypeUse, types: TypeCatalog): LogicalType {
  const type = types.get(typeOid)
  if (type === undefined) return { kind: 'other' }
  if (type.type === 'd')
    return logicalType({ typeOid: type.base, typmod: type.baseTypmod === -1 ? typmod : type.baseTypmod }, types)
  if (type.type === 'e') return { kind: 'enum', labels: type.labels }
  if (type.element !== 0) {
    const element = types.get(type.element)
    if (element === undefined || element.delimiter !== ',') return { kind: 'other' }
    const inner = logicalType({ typeOid: type.element, typmod }, types)
    // A domain over an array: its elements are quoted text, where those of an array in an array are not.
    return { kind: 'array', element: inner.kind === 'array' ? { kind: 'other' } : inner }
  }
  if (type.builtIn) {
    const simple = SIMPLE[type.name]
    if (simple !== undefined) return simple
    const time = TIMES[type.name]
    if (time !== undefined) return typmod < 0 ? { kind: time } : { kind: time, precision: typmod }
    if (type.name === 'numeric') return decimal(typmod)
  }
  // Of an extension and, by its own account, text: citext.
  else if (type.type === 'b' && type.category === 'S') return { kind: 'text' }
  return { kind: 'other' }
}

/** Types of extensions whose text is known to say everything: PostgreSQL's own, PostGIS and pgvector. */
const FAMILIAR = new Set([
  ...['citext', 'cube', 'hstore', 'lquery', 'ltree', 'ltxtquery', 'query_int', 'seg'],
  ...['ean13', 'isbn', 'isbn13', 'ismn', 'ismn13', 'issn', 'issn13', 'upc'],
  ...['geography', 'geometry', 'halfvec', 'sparsevec', 'vector'],
])

/** Whether nobody here has seen this type: its text is carried all the same, but may not say everything. */
export function isUnknownType(typeOid: number, types: TypeCatalog): boolean {
  const type = types.get(typeOid)
  if (type === undefined) return true
  if (type.type === 'd') return isUnknownType(type.base, types)
  if (type.element !== 0) return isUnknownType(type.element, types)
  return type.type === 'b' && !type.builtIn && !FAMILIAR.has(type.name)
}

const CHAR = 18
const CHAR_ARRAY = 1002

/** `"char"` is any byte, which PostgreSQL 14 prints as it is, whatever the encoding. */
export function holdsAnyByte({ typeOid }: Pick<TypeUse, 'typeOid'>): boolean {
  return typeOid === CHAR || typeOid === CHAR_ARRAY
}

/** The modifier holds a precision of 16 bits and a scale of 11, which may be negative from PostgreSQL 15 on. */
function decimal(typmod: number): LogicalType {
  if (typmod < 0) return { kind: 'decimal' }
  const packed = typmod - 4
  return { kind: 'decimal', precision: (packed >> 16) & 0xffff, scale: ((packed & 0x7ff) ^ 0x400) - 0x400 }
}
