import { column, table } from '../../support/scripted-log.ts'

/** Rows of a shop's orders, about 250 bytes in twelve columns, for benchmarks of sinks by themselves. */

export const orders = table(1, 'public.orders', [
  column('id', 'int64'),
  column('customer_id', 'int64'),
  column('status', 'text'),
  column('total', { kind: 'decimal', precision: 12, scale: 2 }, 'numeric(12,2)'),
  column('currency', 'text'),
  column('quantity', { kind: 'int32' }),
  column('created_at', { kind: 'timestamptz' }),
  column('updated_at', { kind: 'timestamptz' }),
  column('email', 'text'),
  column('address', 'text'),
  column('note', 'text'),
  column('paid', { kind: 'boolean' }),
])

/** Row `i` as pass 0 inserts it (status `placed`) and pass 1 updates it (`shipped`). */
export function orderRow(i: number, pass: number): (string | null)[] {
  return [
    String(1_000_000 + i),
    String(50_000 + (i % 7000)),
    pass === 0 ? 'placed' : 'shipped',
    `${100 + (i % 900)}.95`,
    'EUR',
    String(1 + (i % 9)),
    '2026-03-04 05:06:07.891011+00',
    `2026-03-05 15:16:17.18192${pass}+00`,
    `customer${i}@mail.example`,
    'Harbour Street 12, 20457 Hamburg',
    i % 5 === 0 ? null : `Left at the back door, behind the green bins ${pass}`,
    i % 2 === 0 ? 't' : 'f',
  ]
}

/** The first rows, one by one: a million at once would be the collector's work in whatever is measured. */
export function* orderRows(count: number, pass: number): Generator<(string | null)[]> {
  for (let i = 0; i < count; i++) yield orderRow(i, pass)
}
