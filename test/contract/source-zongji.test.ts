import { connectMysql } from '../../connectors/mysql/connection.ts'
import { describeFlavors } from '../support/mysql/flavors.ts'
import type { MysqlServer } from '../support/mysql/server.ts'
import { executed, ZongjiSource } from '../support/peers/zongji.ts'
import { describeSource, type SourceFixture } from './source.ts'

async function peer(server: MysqlServer): Promise<SourceFixture> {
  const database = await server.createDatabase()
  await server.query('CREATE TABLE orders (id int PRIMARY KEY, note text)', database)
  const url = `${server.url('root', database)}?sslmode=disable`
  let last = 0
  const next = (): number => {
    last += 10
    return last
  }
  const newest = async (): Promise<string> => {
    const client = await connectMysql({ url }, 'test', AbortSignal.timeout(10_000))
    const gtids = await executed(client)
    client.destroy()
    return server.flavor === 'mysql' ? gtids.replace(/:.*-/, ':') : gtids
  }
  return {
    open: async () => new ZongjiSource({ url: server.url('root', database), database }),
    async commit(transactions) {
      const client = await server.connect({ database })
      for (let i = 0; i < transactions; i++) {
        const order = next()
        await client.query(`
          BEGIN;
          INSERT INTO orders VALUES (${order}, 'new'), (${order + 1}, NULL);
          UPDATE orders SET note = 'changed' WHERE id = ${order};
          UPDATE orders SET id = ${order + 2} WHERE id = ${order + 1};
          DELETE FROM orders WHERE id = ${order};
          COMMIT`)
      }
      await client.end()
    },
    async commitPair(between) {
      const [first, second] = [await server.connect({ database }), await server.connect({ database })]
      for (const client of [first, second]) await client.query(`BEGIN; INSERT INTO orders VALUES (${next()}, 'a pair')`)
      await first.query('COMMIT')
      const ids = [await newest()]
      await between()
      await second.query('COMMIT')
      ids.push(await newest())
      for (const client of [first, second]) await client.end()
      return ids
    },
    async [Symbol.asyncDispose]() {},
  }
}

await describeFlavors((server, flavor) => {
  describeSource(`@vlasky/zongji over ${flavor}, used with care`, () => peer(server()))
})
