import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll } from '@jest/globals'
import { commitPair } from '../support/commit-pair.ts'
import { PeerSource } from '../support/peers/pg-logical-replication.ts'
import { type PostgresServer, startPostgres } from '../support/postgres.ts'
import { describeSource, type SourceFixture } from './source.ts'

let server: PostgresServer
beforeAll(async () => {
  server = await startPostgres()
})
afterAll(() => server[Symbol.asyncDispose]())

async function peer(): Promise<SourceFixture> {
  const url = await server.createDatabase()
  const database = new URL(url).pathname.slice(1)
  await server.sql('CREATE TABLE orders (id int PRIMARY KEY, note text)', [], database)
  const slot = `peer_${randomBytes(6).toString('hex')}`
  let last = 0
  const next = (): number => {
    last += 10
    return last
  }
  return {
    open: async () => new PeerSource({ url, slot }),
    async commit(transactions) {
      const client = await server.connect(database)
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
      const write = () => `INSERT INTO orders VALUES (${next()}, 'of a pair')`
      return (await commitPair(server, database, write, between)).ids
    },
    async [Symbol.asyncDispose]() {},
  }
}

/** Each by its name in test/contract/source.ts. */
const BROKEN = ['loses neither of two transactions that commit back to back when it is stopped between them']

describeSource('pg-logical-replication, used with care', peer, BROKEN)
