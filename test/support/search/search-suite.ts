import { errorMessage } from '../../../runtime/errors.ts'
import { describeIf } from '../skip.ts'
import { type Engine, enginePrograms } from './engines.ts'

/** A suite of a real engine; skipped by name where it cannot run. Await it at the top level of the test file. */
export async function describeSearch(engine: Engine, body: () => void): Promise<void> {
  const problem = await enginePrograms(engine).then(
    () => undefined,
    (error: unknown) => errorMessage(error),
  )
  describeIf(problem === undefined, problem ?? '')(engine.title, body)
}
