/** One suite over MySQL and MariaDB. */
import { afterAll, beforeAll } from '@jest/globals'
import { describeIf } from '../skip.ts'
import { availableMysql } from './programs.ts'
import { FLAVORS, type Flavor, releaseOf } from './releases.ts'
import { type MysqlOptions, type MysqlServer, startMysql } from './server.ts'

/** A suite for each flavor, with its version as major * 100 + minor; one that cannot be fetched is skipped by name. Await it at the top level of the test file. */
export async function describeEachFlavor(body: (flavor: Flavor, version: number) => void): Promise<void> {
  for (const flavor of FLAVORS) {
    const available = await availableMysql(flavor)
    const reason = 'reason' in available ? available.reason : ''
    const version = 'programs' in available ? available.programs.version : 0
    describeIf('programs' in available, reason)(releaseOf(flavor).title, () => body(flavor, version))
  }
}

/** The same with a server for each; `server` answers inside tests and hooks. */
export async function describeFlavors(
  body: (server: () => MysqlServer, flavor: Flavor, version: number) => void,
  options: Omit<MysqlOptions, 'flavor'> = {},
): Promise<void> {
  await describeEachFlavor((flavor, version) => {
    let server: MysqlServer | undefined
    beforeAll(async () => {
      server = await startMysql({ ...options, flavor })
    }, 120_000)
    afterAll(() => server?.[Symbol.asyncDispose]())
    body(
      () => {
        if (server === undefined) throw new Error('the server is there in tests and hooks only')
        return server
      },
      flavor,
      version,
    )
  })
}
