import { createRequire } from 'node:module'
import { errorMessage, TailraceError } from '../../runtime/errors.ts'

export type Api = typeof import('@duckdb/node-api')
export type Bindings = typeof import('@duckdb/node-bindings')

export interface Driver {
  readonly api: Api
  /** What the API stands on: the way to fill a vector without an object per value. */
  readonly bindings: Bindings
}

/** Loads the driver, which is installed only where it is used. Throws SINK_DRIVER. */
export async function loadDriver(): Promise<Driver> {
  try {
    const api = await import('@duckdb/node-api')
    // The bindings that the API itself uses, wherever they are installed.
    const entry = createRequire(import.meta.url).resolve('@duckdb/node-api')
    const bindings = createRequire(entry)('@duckdb/node-bindings') as Bindings
    return { api, bindings }
  } catch (cause) {
    throw new TailraceError('SINK_DRIVER', 'stop', `The DuckDB driver cannot be loaded: ${firstLine(cause)}`, {
      cause,
      hint: 'npm install @duckdb/node-api',
    })
  }
}

function firstLine(error: unknown): string {
  return errorMessage(error).split('\n', 1)[0]!
}
