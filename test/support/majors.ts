/** One suite over several PostgreSQL majors. */
import { afterAll, beforeAll } from '@jest/globals'
import { errorMessage } from '../../runtime/errors.ts'
import { type Major, postgresPrograms } from './cached-postgres.ts'
import { type PostgresOptions, type PostgresServer, startPostgres } from './postgres.ts'
import { describeIf } from './skip.ts'

export const EVERY_MAJOR: readonly Major[] = [14, 15, 16, 17, 18]

/**
 * A suite `PostgreSQL N` for each, with a server of its own; one that cannot be fetched is skipped by name. Jest
 * collects tests at once, so await it at the top level of the test file. `server` answers inside tests and hooks.
 */
export async function describeMajors(
  majors: readonly Major[],
  body: (server: () => PostgresServer, major: Major) => void,
  options: Omit<PostgresOptions, 'major'> = {},
): Promise<void> {
  for (const major of majors) {
    const problem = await postgresPrograms(major).then(
      () => undefined,
      (error: unknown) => /npm error (.*)/.exec(errorMessage(error))?.[1] ?? errorMessage(error),
    )
    describeIf(problem === undefined, `PostgreSQL ${major} cannot be fetched: ${problem}`)(
      `PostgreSQL ${major}`,
      () => {
        let server: PostgresServer | undefined
        beforeAll(async () => {
          server = await startPostgres({ ...options, major })
        })
        afterAll(() => server?.[Symbol.asyncDispose]())
        body(() => {
          if (server === undefined) throw new Error('the server is there in tests and hooks only')
          return server
        }, major)
      },
    )
  }
}
