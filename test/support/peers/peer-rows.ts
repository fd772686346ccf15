/** Rows of the package `pg-logical-replication` as tuples: its JavaScript values turned back into text as well as can be. */
import type { Pgoutput } from 'pg-logical-replication'
import type { Table } from '../../../runtime/contract.ts'
import { encodeCells } from '../../../runtime/record/cells.ts'
import { keyFromTexts } from '../../../runtime/record/key.ts'
import type { Tuple } from '../../../runtime/record/tuple.ts'
import type { BatchWriter } from '../../../runtime/record/writer.ts'

type Row = Readonly<Record<string, unknown>>
type Texts = (string | null | undefined)[]

const TIMESTAMPTZ = 1184

export function writeInsert(writer: BatchWriter, table: Table, message: Pgoutput.MessageInsert): void {
  writer.row('c', table, tuple(texts(table, message.relation, message.new)))
}

/** An update of the key is the pair that the contract asks for. */
export function writeUpdate(writer: BatchWriter, table: Table, message: Pgoutput.MessageUpdate): void {
  const row = texts(table, message.relation, message.new)
  const former = message.key ?? message.old
  const old = former === null ? undefined : texts(table, message.relation, former)
  const before = message.old === null ? undefined : tuple(old!)
  const oldKey = old === undefined ? undefined : keyOf(table, old)
  const newKey = keyOf(table, row)
  if (oldKey === undefined || Buffer.compare(oldKey, newKey) === 0) writer.row('u', table, tuple(row), before)
  else {
    writer.delete(table, tuple(keyOnly(table, old!)), false, newKey)
    writer.row('u', table, tuple(row), before, oldKey)
  }
}

export function writeDelete(writer: BatchWriter, table: Table, message: Pgoutput.MessageDelete): void {
  const old = texts(table, message.relation, (message.key ?? message.old)!)
  writer.delete(table, tuple(message.old === null ? keyOnly(table, old) : old), message.old !== null)
}

function texts({ columns }: Table, relation: Pgoutput.MessageRelation, row: Row): Texts {
  const types = new Map(relation.columns.map(({ name, typeOid }) => [name, typeOid]))
  return columns.map(({ name }) => {
    const value = row[name]
    return value === null || value === undefined ? value : peerText(value, types.get(name))
  })
}

function keyOnly(table: Table, row: Texts): Texts {
  return row.map((text, i) => (table.key.includes(i) ? text : null))
}

function keyOf(table: Table, row: Texts): Uint8Array {
  return keyFromTexts(table.key.map(i => row[i] ?? ''))
}

function tuple(row: Texts): Tuple {
  const bytes = encodeCells(row)
  return { bytes, at: 0, end: bytes.length }
}

/** As near to what the database prints as the value still allows. */
function peerText(value: unknown, typeOid: number | undefined): string {
  if (typeof value === 'boolean') return value ? 't' : 'f'
  if (Buffer.isBuffer(value)) return `\\x${value.toString('hex')}`
  if (Array.isArray(value)) return `{${value.join(',')}}`
  if (Object.prototype.toString.call(value) === '[object Date]') return timeText(value as Date, typeOid)
  return typeof value === 'object' ? JSON.stringify(value) : String(value)
}

/** In UTC with a zone, in this process's own zone without one: that is how the package reads them. */
function timeText(time: Date, typeOid: number | undefined): string {
  const zoned = typeOid === TIMESTAMPTZ
  const shifted = zoned ? time : new Date(time.getTime() - time.getTimezoneOffset() * 60_000)
  const text = shifted.toISOString().replace('T', ' ').replace('Z', '')
  return `${text.replace(/\.?0+$/, '')}${zoned ? '+00' : ''}`
}
