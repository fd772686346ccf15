import type { Statement } from '../database.ts'
import type { ShopSize } from '../shop.ts'

const LINES = 3

/** Statements of the i-th transaction. The workers' rows differ by parity, so that they never wait for each other. */
export function act(i: number, { customers, products, orders }: ShopSize): Statement[] {
  const one = (of: number, stride: number): number => 1 + ((i * stride) % (of / 2)) * 2 - (i % 2)
  const skuOf = (number: number): string => `SKU-${String(number).padStart(6, '0')}`
  const sku = skuOf(one(products, 17))
  switch (i % 10) {
    case 0:
    case 1:
    case 2:
    case 3: {
      const total = `${i % 977}.${String(i % 100).padStart(2, '0')}`
      const line = (number: number): Statement => {
        // Under one of its two keys (below).
        const chosen = skuOf(one(products, 17 + 2 * number))
        return [
          'insert into order_lines select last_insert_id(), ?, sku, ?, price from products where sku in (?, ?)',
          [number, number, chosen, `${chosen}-R`],
        ]
      }
      return [
        [
          'insert into orders (customer_id, total, note, placed_at) values (?, ?, ?, now())',
          [one(customers, 29), total, `order ${i}`],
        ],
        ...Array.from({ length: LINES }, (_, number) => line(number + 1)),
      ]
    }
    case 4:
    case 5:
      return [
        [
          'update products set stock = stock - 1, price = price + 0.01, updated_at = now() where sku in (?, ?)',
          [sku, `${sku}-R`],
        ],
      ]
    case 6:
      return [
        ["update orders set status = 'shipped', deliver_on = current_date where id = ?", [1 + ((i * 7) % orders)]],
      ]
    case 7:
      return [
        ['set @oldest = (select min(id) from orders where id mod 2 = ?)', [i % 2]],
        ['delete from order_lines where order_id = @oldest', []],
        ['delete from orders where id = @oldest', []],
      ]
    case 8: {
      // A new key: the old row goes, the new one comes.
      const both = [sku, `${sku}-R`]
      const turn = (table: string): Statement => [
        `update ${table} set sku = case sku when ? then ? else ? end where sku in (?, ?)`,
        [sku, `${sku}-R`, sku, ...both],
      ]
      return [turn('products'), turn('order_lines')]
    }
    default:
      return [
        [
          'update customers set balance = balance + ?, vip = not vip, city = ? where id = ?',
          ['0.0001', i % 3 === 0 ? null : `Town ${i}`, one(customers, 43)],
        ],
      ]
  }
}
