import { errorMessage } from '../../runtime/errors.ts'
import { redisProgram } from './cached-redis.ts'
import { describeIf } from './skip.ts'

/** Suites of a real server; skipped by name where there is none and none can be fetched. Await it at the top level. */
export async function describeRedis(name: string, body: () => void): Promise<void> {
  const problem = await redisProgram().then(
    () => undefined,
    (error: unknown) => errorMessage(error),
  )
  describeIf(problem === undefined, problem ?? '')(name, body)
}
