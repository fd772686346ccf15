import { createRequire } from 'node:module'
import { driverError } from '../common/driver-error.ts'

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
    throw driverError('The DuckDB driver', '@duckdb/node-api', cause)
  }
}
