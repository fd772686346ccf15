import { afterAll, beforeAll } from '@jest/globals'
import { errorMessage } from '../../../runtime/errors.ts'
import { describeIf } from '../skip.ts'
import { type ClickhouseServer, startClickhouse } from './clickhouse-server.ts'
import { ENGINE_VERSION, enginePrograms } from './engine.ts'

const START_MS = 120_000

/**
 * A suite at ClickHouse's engine, one server for all of it; skipped by name where it cannot run. Await it at the top level
 * of the test file.
 */
export async function describeClickhouse(body: (server: () => ClickhouseServer) => void): Promise<void> {
  const problem = await enginePrograms().then(
    () => undefined,
    (error: unknown) => errorMessage(error),
  )
  describeIf(problem === undefined, problem ?? '')(`the engine of ClickHouse ${ENGINE_VERSION}`, () => {
    let server: ClickhouseServer | undefined
    beforeAll(async () => {
      server = await startClickhouse()
    }, START_MS)
    afterAll(() => server?.[Symbol.asyncDispose]())
    body(() => server!)
  })
}
