import type { Column, LogicalType, Table } from '../../runtime/contract.ts'

function column(name: string, declared: string, type: LogicalType, nullable = false): Column {
  return { name, type, declared, nullable }
}

const COLUMNS: readonly Column[] = [
  column('id', 'bigint', { kind: 'int64' }),
  column('customer_id', 'bigint', { kind: 'int64' }),
  column('status', 'text', { kind: 'text' }),
  column('amount', 'numeric(12,2)', { kind: 'decimal', precision: 12, scale: 2 }),
  column('currency', 'char(3)', { kind: 'text' }),
  column('quantity', 'integer', { kind: 'int32' }),
  column('paid', 'boolean', { kind: 'boolean' }),
  column('created_at', 'timestamptz', { kind: 'timestamptz', precision: 6 }),
  column('updated_at', 'timestamptz', { kind: 'timestamptz', precision: 6 }),
  column('email', 'text', { kind: 'text' }),
  column('address', 'text', { kind: 'text' }),
  column('note', 'text', { kind: 'text' }, true),
]

/** `orders`, or `orders_1`, `orders_2` ... where there are several. */
export function generatedTables(source: string, count: number): Table[] {
  return Array.from({ length: count }, (_, i) => {
    const table = count === 1 ? 'orders' : `orders_${i + 1}`
    return Object.freeze({
      id: i + 1,
      name: `${source}.public.${table}`,
      source,
      schema: 'public',
      table,
      incarnation: 1,
      version: 1,
      columns: COLUMNS,
      key: [0],
      appendOnly: false,
      origin: String(i),
    })
  })
}
