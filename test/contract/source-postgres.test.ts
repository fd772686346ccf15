import { postgresConfig } from '../../connectors/postgres/config.ts'
import { PostgresSource } from '../../connectors/postgres/source.ts'
import { createLogger } from '../../runtime/logger.ts'
import { commitPair } from '../support/commit-pair.ts'
import { describeMajors } from '../support/majors.ts'
import type { PostgresServer } from '../support/postgres.ts'
import { describeSource, type SourceFixture } from './source.ts'

async function postgres(server: PostgresServer): Promise<SourceFixture> {
  await server.sql(`
    CREATE TABLE orders (id int PRIMARY KEY, amount numeric(12, 2), note text);
    CREATE TABLE lines (order_id int, line int, article text, PRIMARY KEY (order_id, line));
    ALTER TABLE lines REPLICA IDENTITY FULL;
    INSERT INTO orders SELECT i, i * 1.10, 'from the first load' FROM generate_series(1, 500) i`)
  const config = postgresConfig.parse({ url: server.url(), tables: ['public.*'] })
  const context = { pipeline: 'contract', name: 'app', logger: createLogger('silent'), folder: '' }
  let last = 1000
  const next = (): number => {
    last += 10
    return last
  }
  return {
    open: async () => new PostgresSource(config, context),
    async commit(transactions) {
      const client = await server.connect()
      for (let i = 0; i < transactions; i++) {
        const order = next()
        await client.query(`
          BEGIN;
          INSERT INTO orders VALUES (${order}, 0.10, 'new'), (${order + 1}, null, '');
          INSERT INTO lines VALUES (${order}, 1, 'a'), (${order}, 2, 'b');
          UPDATE orders SET amount = amount + 1 WHERE id = ${order};
          UPDATE orders SET id = ${order + 2} WHERE id = ${order + 1};
          UPDATE lines SET article = 'c' WHERE order_id = ${order} AND line = 2;
          DELETE FROM lines WHERE order_id = ${order} AND line = 1;
          COMMIT`)
      }
      await client.end()
    },
    async commitPair(between) {
      const write = () => `INSERT INTO orders VALUES (${next()}, 1, 'of a pair')`
      return (await commitPair(server, 'postgres', write, between)).ids
    },
    // The server is the suite's.
    async [Symbol.asyncDispose]() {},
  }
}

await describeMajors([14, 17, 18], server => describeSource('postgres', () => postgres(server())))
