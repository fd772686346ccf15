/** One suite over MySQL and MariaDB. */
import { afterAll, beforeAll } from '@jest/globals'
import { describeIf } from '../skip.ts'
import { availableMysql, FLAVORS, type Flavor } from './programs.ts'
import { type MysqlOptions, type MysqlServer, startMysql } from './server.ts'

const NAMES: Readonly<Record<Flavor, string>> = { mysql: 'MySQL 9', mariadb: 'MariaDB 10.11' }

/** A suite for each flavor; one that cannot be fetched is skipped by name. Await it at the top level of the test file. */
export async function describeEachFlavor(body: (flavor: Flavor) => void): Promise<void> {
  for (const flavor of FLAVORS) {
    const available = await availableMysql(flavor)
    const reason = 'reason' in available ? available.reason : ''
    describeIf('programs' in available, reason)(NAMES[flavor], () => body(flavor))
  }
}

/** The same with a server for each; `server` answers inside tests and hooks. */
export async function describeFlavors(
  body: (server: () => MysqlServer, flavor: Flavor) => void,
  options: Omit<MysqlOptions, 'flavor'> = {},
): Promise<void> {
  await describeEachFlavor(flavor => {
    let server: MysqlServer | undefined
    beforeAll(async () => {
      server = await startMysql({ ...options, flavor })
    }, 120_000)
    afterAll(() => server?.[Symbol.asyncDispose]())
    body(() => {
      if (server === undefined) throw new Error('the server is there in tests and hooks only')
      return server
    }, flavor)
  })
}
