import { TailraceError } from '../../runtime/errors.ts'
import type { RowTarget } from '../common/row-writer.ts'

/** pgoutput's Relation message: the columns of the rows that follow it. */
export interface Relation {
  readonly oid: number
  readonly schema: string
  readonly table: string
  /** pg_class.relreplident: d, n, f, i. */
  readonly identity: string
  readonly columns: readonly RelationColumn[]
}

export interface RelationColumn {
  readonly name: string
  readonly typeOid: number
  readonly typmod: number
  /** Part of the replica identity: every column under REPLICA IDENTITY FULL. */
  readonly key: boolean
}

/** What the rows of one relation of the stream become rows of. */
export interface Decoded extends RowTarget {
  /** Of a tuple as the server sends it. */
  readonly columns: number
}

/** `at`: behind the message's type byte. Throws SOURCE_PROTOCOL. */
export function parseRelation(bytes: Buffer, at: number, end: number): Relation {
  const oid = bytes.readUInt32BE(at)
  let position = at + 4
  const text = (): string => {
    const zero = bytes.indexOf(0, position)
    if (zero === -1 || zero >= end) throw protocolError('a name that does not end')
    const value = bytes.toString('utf8', position, zero)
    position = zero + 1
    return value
  }
  const schema = text()
  const table = text()
  const identity = String.fromCharCode(bytes[position]!)
  const count = bytes.readUInt16BE(position + 1)
  position += 3
  const columns: RelationColumn[] = []
  for (let i = 0; i < count; i++) {
    const key = (bytes[position++]! & 1) === 1
    const name = text()
    columns.push({ name, key, typeOid: bytes.readUInt32BE(position), typmod: bytes.readInt32BE(position + 4) })
    position += 8
  }
  // The system's own schema is sent as an empty text.
  return { oid, schema: schema === '' ? 'pg_catalog' : schema, table, identity, columns }
}

export function protocolError(what: string): TailraceError {
  return new TailraceError('SOURCE_PROTOCOL', 'stop', `PostgreSQL sent ${what}.`, {
    hint: 'The server is newer than this version of Tailrace, or something between them changes the stream.',
  })
}
