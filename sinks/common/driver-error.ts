import { errorMessage, TailraceError } from '../../runtime/errors.ts'

/** A package that is installed only where its sink is used, and is not there. `what`: `The DuckDB driver`. */
export function driverError(what: string, name: string, cause: unknown): TailraceError {
  const [why] = errorMessage(cause).split('\n', 1)
  return new TailraceError('SINK_DRIVER', 'stop', `${what} cannot be loaded: ${why}`, {
    cause,
    hint: `npm install ${name}`,
  })
}
