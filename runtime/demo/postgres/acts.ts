import type { Statement } from '../database.ts'
import type { ShopSize } from '../shop.ts'

/** Statements of the i-th transaction. The workers' rows differ by parity, so that they never wait for each other. */
export function act(i: number, { customers, products, orders }: ShopSize): Statement[] {
  const one = (of: number, stride: number): number => 1 + ((i * stride) % (of / 2)) * 2 - (i % 2)
  const sku = `SKU-${String(one(products, 17)).padStart(6, '0')}`
  switch (i % 10) {
    case 0:
    case 1:
    case 2:
    case 3:
      // `for key share`: the other worker may just be giving that product another key.
      return [
        [
          `with o as (insert into orders (customer_id, total, note, placed_at)
             values ($1, $2::numeric, $3, clock_timestamp()) returning id)
           insert into order_lines select o.id, l, sku, l, price from o, generate_series(1, 3) l,
             lateral (select sku, price from products offset $4::int + l limit 1 for key share) p`,
          [
            one(customers, 29),
            `${i % 977}.${String(i % 100).padStart(2, '0')}`,
            `order ${i}`,
            i % (products / 2 - 100),
          ],
        ],
      ]
    case 4:
    case 5:
      return [
        [
          'update products set stock = stock - 1, price = price + 0.01, updated_at = clock_timestamp() where sku in ($1, $2)',
          [sku, `${sku}-R`],
        ],
      ]
    case 6:
      return [
        ["update orders set status = 'shipped', deliver_on = current_date where id = $1", [1 + ((i * 7) % orders)]],
      ]
    case 7:
      return [['delete from orders where id = (select min(id) from orders where id % 2 = $1)', [i % 2]]]
    case 8:
      // A new key: the old row goes, the new one comes, and the lines follow by cascade.
      return [
        ['update products set sku = case sku when $1 then $2 else $1 end where sku in ($1, $2)', [sku, `${sku}-R`]],
      ]
    default:
      return [
        [
          'update customers set balance = balance + $2::numeric, vip = not vip, city = $3 where id = $1',
          [one(customers, 43), '0.0001', i % 3 === 0 ? null : `Town ${i}`],
        ],
      ]
  }
}
