import type { Batch, Position, Table } from '../../../runtime/contract.ts'
import { keyFromTexts } from '../../../runtime/record/key.ts'
import { LONG } from '../../../runtime/record/layout.ts'
import { BatchWriter } from '../../../runtime/record/writer.ts'
import { column, table, tuple } from '../../support/records.ts'

/** What test/fixtures/format-1 holds: every kind of entry, flag, cell tag and length of format 1. */

const orders = table('orders', {
  id: 1,
  columns: [
    column('id', 'int64'),
    { ...column('total'), type: { kind: 'decimal', precision: 12, scale: 2 }, declared: 'numeric(12,2)' },
    { ...column('placed'), type: { kind: 'timestamptz', precision: 6 }, declared: 'timestamptz' },
    { ...column('state'), type: { kind: 'enum', labels: ['new', 'paid'] }, declared: 'order_state', nullable: false },
    { ...column('tags'), type: { kind: 'array', element: { kind: 'text' } }, declared: 'text[]' },
    { ...column('email'), masked: true },
    column('raw', 'bytes'),
  ],
  origin: '16402',
})
const lines = table('lines', {
  id: 2,
  columns: [column('note'), column('order_id', 'int64'), column('line', 'int32')],
  key: [2, 1],
  incarnation: 3,
  version: 2,
})
const audit = table('audit', { id: 3, columns: [column('at', 'timestamp'), column('what')], key: [], appendOnly: true })
export const tables: readonly Table[] = [orders, lines, audit]

const at = (text: string): Position => text as Position

export function writeFormat1(): Batch[] {
  return [...stream(LONG), ...stream(0)]
}

function stream(longFrom: number): Batch[] {
  const batches: Batch[] = []
  const writer = new BatchWriter([], longFrom)

  writer.announce(orders)
  writer.beginLoad('0/16B3740', 1_790_000_000_123_456n)
  writer.row('r', orders, tuple('1', '10.50', '2026-03-04 05:06:07.891011+00', 'new', '{a,"b c",NULL}', 'x', '\\x00ff'))
  writer.row('r', orders, tuple('9223372036854775807', 'NaN', 'infinity', 'paid', null, '', null))
  writer.commit()
  const progress = { done: true, rows: 2, totalRows: null, state: 'ctid (0,2)' }
  const identity = { systemId: '7300000000000000001', timeline: '1' }
  batches.push(writer.take({ lane: 'load:app.public.orders', progress, identity }))

  writer.row('m', audit, tuple('2026-03-04 05:06:07', 'outside'))
  writer.begin('742', at('0/16B3800'), -1n)
  writer.announce(lines)
  writer.announce(audit)
  writer.row('c', lines, tuple('Ü 💧 \u{feff}', '1', '1'))
  writer.row('u', orders, tuple('1', '11.00', undefined, 'paid', '{}', 'y', undefined))
  batches.push(writer.takePart())
  const before = tuple('1', '11.00', null, 'new', '{}', 'y', null)
  writer.row('u', orders, tuple('1', '12.00', null, 'paid', '[0:1]={a,b}', Buffer.from([0x61, 0xff]), null), before)
  writer.delete(lines, tuple(null, '1', '1'), false, keyFromTexts(['2', '1']))
  writer.row('u', lines, tuple('moved', '1', '2'), undefined, keyFromTexts(['1', '1']))
  writer.row('c', audit, tuple('0044-03-15 12:00:00 BC', null))
  writer.commit()
  writer.begin('18446744073709551615', at('FFFFFFFF/FFFFFFFF'), 9_223_372_036_854_775_807n)
  writer.delete(orders, before, true)
  writer.truncate(lines)
  writer.commit()
  batches.push(writer.take({ lane: 'stream', position: at('0/16B3900') }))
  batches.push(writer.take({ lane: 'stream', position: at('0/16B3A00') }))
  return batches
}
