import { describeEachFlavor } from '../support/mysql/flavors.ts'
import { logEnd, transactionsFrom } from '../support/mysql/log-place.ts'
import type { Flavor } from '../support/mysql/releases.ts'
import { type MysqlServer, startMysql } from '../support/mysql/server.ts'
import { mysqlRig } from '../support/mysql/source.ts'
import { describeSource, type SourceFixture } from './source.ts'

const LOADED = 500

async function mysql(flavor: Flavor, options: readonly string[]): Promise<SourceFixture> {
  const server: MysqlServer = await startMysql({ flavor, options })
  const database = await server.createDatabase()
  const loaded = Array.from({ length: LOADED }, (_, i) => `(${i + 1}, ${i + 1} * 1.10, 'from the first load')`)
  await server.query(
    `CREATE TABLE orders (id int PRIMARY KEY, amount decimal(12, 2), note varchar(80));
     CREATE TABLE parts (order_id int, part int, article text, PRIMARY KEY (order_id, part));
     INSERT INTO orders VALUES ${loaded.join(', ')}`,
    database,
  )
  const rig = mysqlRig(server, database)
  let last = 1000
  const next = (): number => {
    last += 10
    return last
  }
  return {
    open: async () => rig.open(),
    async commit(transactions) {
      const client = await server.connect({ database })
      for (let i = 0; i < transactions; i++) {
        const order = next()
        await client.query(`
          BEGIN;
          INSERT INTO orders VALUES (${order}, 0.10, 'new'), (${order + 1}, null, '');
          INSERT INTO parts VALUES (${order}, 1, 'a'), (${order}, 2, 'b');
          UPDATE orders SET amount = amount + 1 WHERE id = ${order};
          UPDATE orders SET id = ${order + 2} WHERE id = ${order + 1};
          UPDATE parts SET article = 'c' WHERE order_id = ${order} AND part = 2;
          DELETE FROM parts WHERE order_id = ${order} AND part = 1;
          COMMIT`)
      }
      await client.end()
    },
    async commitPair(between) {
      const begin = await logEnd(server)
      const [first, second] = [await server.connect({ database }), await server.connect({ database })]
      for (const client of [first, second])
        await client.query(`BEGIN; INSERT INTO orders VALUES (${next()}, 1, 'of a pair')`)
      await first.query('COMMIT')
      await between()
      await second.query('COMMIT')
      for (const client of [first, second]) await client.end()
      return await transactionsFrom(server, begin)
    },
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  }
}

const WITHOUT_GTID = ['--gtid-mode=OFF', '--enforce-gtid-consistency=OFF']
const COMPRESSED = {
  mysql: ['--binlog-transaction-compression=ON'],
  mariadb: ['--log-bin-compress=ON', '--log-bin-compress-min-len=10'],
} as const

await describeEachFlavor(flavor => {
  const compressed = COMPRESSED[flavor]
  describeSource(flavor, () => mysql(flavor, []))
  describeSource(`${flavor}, compressed`, () => mysql(flavor, compressed))
  if (flavor === 'mariadb') return
  describeSource('mysql without GTIDs', () => mysql(flavor, WITHOUT_GTID))
  describeSource('mysql without GTIDs, compressed', () => mysql(flavor, [...WITHOUT_GTID, ...compressed]))
})
