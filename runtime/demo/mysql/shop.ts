import type { DemoClient } from '../database.ts'
import { SHOP_TABLES, type ShopSize, WORDS } from '../shop.ts'

/** The shop in MySQL and MariaDB. Without foreign keys: not every server logs what they change in other tables. */

const SCHEMA = [
  `create table customers (
    id bigint unsigned not null auto_increment primary key,
    email varchar(100) not null unique,
    name varchar(100) not null,
    city varchar(100),
    country varchar(50) not null,
    tags json not null,
    balance decimal(14,4) not null default 0,
    vip boolean not null default false,
    joined_at timestamp not null
  )`,
  `create table products (
    sku varchar(20) primary key,
    title varchar(200) not null,
    description text not null,
    price decimal(10,2) not null,
    stock int not null,
    weight double,
    attributes json not null,
    picture varbinary(100),
    updated_at timestamp not null
  )`,
  `create table orders (
    id bigint unsigned not null auto_increment primary key,
    customer_id bigint unsigned not null,
    status enum('placed', 'paid', 'shipped', 'returned') not null default 'placed',
    total decimal(14,2) not null,
    note varchar(200),
    placed_at timestamp not null,
    deliver_on date,
    key (customer_id)
  )`,
  `create table order_lines (
    order_id bigint unsigned not null,
    line smallint not null,
    sku varchar(20) not null,
    quantity int not null,
    price decimal(10,2) not null,
    primary key (order_id, line),
    key (sku)
  )`,
]

const pick = (words: readonly string[], by: string): string =>
  `elt(1 + (${by}) mod ${words.length}, ${words.map(word => `'${word.replaceAll("'", "''")}'`).join(', ')})`

const capital = (words: readonly string[]): string[] => words.map(word => word[0]!.toUpperCase() + word.slice(1))

/** Of a customer; the first ones have the most. */
const PLACE = '(i mod 13) * (i mod 13) div 15'

/** Rows `i` from 1 to `count`. */
function numbers(count: number): string {
  const digits = String(count).length
  const digit = `(select 0 d ${Array.from({ length: 9 }, (_, i) => `union all select ${i + 1}`).join(' ')})`
  const all = Array.from({ length: digits }, (_, place) => `${digit} d${place}`).join(' cross join ')
  const sum = Array.from({ length: digits }, (_, place) => `d${place}.d * ${10 ** place}`).join(' + ')
  return `(select ${sum} i from ${all}) n where i between 1 and ${count} order by i`
}

const fill = ({ customers, products, orders }: ShopSize): string[] => [
  `insert into customers (email, name, city, country, tags, balance, vip, joined_at)
   select concat('person', i, '@example.org'), concat('Person ', i), if(i mod 17 = 0, null, ${pick(WORDS.city, PLACE)}),
     ${pick(WORDS.country, PLACE)},
     case i mod 4 when 0 then json_array() when 1 then json_array('new') when 2 then json_array('two words', 'loyal')
       else json_array('a"b', null) end,
     (i * 7919 mod 100000) / 10000, i mod 50 = 0, timestampadd(second, i * 61, '2020-01-01 00:00:00')
   from ${numbers(customers)}`,
  `insert into products (sku, title, description, price, stock, weight, attributes, picture, updated_at)
   select concat('SKU-', lpad(i, 6, '0')),
     concat_ws(' ', ${pick(capital(WORDS.mood), 'i')}, ${pick(capital(WORDS.material), 'i div 10')}, ${pick(capital(WORDS.kind), 'i div 100')}),
     concat('A ', ${pick(WORDS.mood, 'i div 3')}, ' ', ${pick(WORDS.kind, 'i div 7')}, ' of ', ${pick(WORDS.material, 'i div 5')},
       ', ', ${pick(WORDS.tail, 'i')}, '.'),
     (i mod 997 + 99) / 100, i mod 400, if(i mod 9 = 0, null, i / 7e0),
     json_object('colour', i mod 12, 'size', json_array(i mod 5, 'L'), 'big', 9007199254740993),
     if(i mod 3 = 0, unhex(left(sha2(i, 256), 32)), null), '2024-05-01 12:00:00'
   from ${numbers(products)}`,
  `insert into orders (customer_id, status, total, note, placed_at, deliver_on)
   select 1 + i * 31 mod ${customers}, elt(1 + i mod 4, 'placed', 'paid', 'shipped', 'returned'), 0,
     case when i mod 5 = 0 then 'leave at the door' when i mod 7 = 0 then '' end,
     timestampadd(second, i * 37, '2024-06-01 00:00:00'), timestampadd(day, i mod 90, '2024-06-03')
   from ${numbers(orders)}`,
  `insert into order_lines (order_id, line, sku, quantity, price)
   select o.id, l.line, p.sku, 1 + (o.id + l.line) mod 4, p.price from orders o
   cross join (select 1 line union all select 2) l
   join products p on p.sku = concat('SKU-', lpad(1 + (o.id * 13 + l.line * 101) mod ${products}, 6, '0'))`,
  `update orders o
   join (select order_id, sum(quantity * price) total from order_lines group by order_id) s on s.order_id = o.id
   set o.total = s.total`,
  `analyze table ${SHOP_TABLES.join(', ')}`,
]

/** Makes and fills it; answers how many rows it has. */
export async function fillShop(client: DemoClient, size: ShopSize): Promise<number> {
  for (const statement of [...SCHEMA, ...fill(size)]) await client.query(statement)
  const counts = SHOP_TABLES.map(table => `(select count(*) from ${table})`).join(' + ')
  const { rows } = await client.query(`select ${counts} n`)
  return Number(rows[0]!.n)
}
