import { afterAll, beforeAll } from '@jest/globals'
import { errorMessage } from '../../../runtime/errors.ts'
import { describeIf } from '../skip.ts'
import { ELASTICSEARCH, type Engine, enginePrograms, openSearch } from './engines.ts'
import { type SearchServer, startSearch } from './search-server.ts'

const START_MS = 180_000

/**
 * A suite at a real engine, one server for all of it; skipped by name where it cannot run. Await it at the top level of
 * the test file.
 */
export async function describeSearch(engine: Engine, body: (server: () => SearchServer) => void): Promise<void> {
  const problem = await enginePrograms(engine).then(
    () => undefined,
    (error: unknown) => errorMessage(error),
  )
  describeIf(problem === undefined, problem ?? '')(engine.title, () => {
    let server: SearchServer | undefined
    beforeAll(async () => {
      server = await startSearch(engine)
    }, START_MS)
    afterAll(() => server?.[Symbol.asyncDispose]())
    body(() => server!)
  })
}

/** The suite at each engine that the sink is for. */
export async function describeEachSearch(body: (server: () => SearchServer) => void): Promise<void> {
  for (const engine of [await openSearch(), ELASTICSEARCH]) await describeSearch(engine, body)
}
