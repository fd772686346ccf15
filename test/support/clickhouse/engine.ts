/** ClickHouse's engine as a Python package, fetched into the cache at first use. */
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { cached } from '../cached-package.ts'

/** Carries the engine of the server of this version. */
const PACKAGE = 'chdb-core'
export const ENGINE_VERSION = '26.9.0'

export interface EnginePrograms {
  readonly python: string
  /** Where the package is. */
  readonly home: string
  /** Serves it over HTTP (engine_server.py). */
  readonly server: string
}

let found: Promise<EnginePrograms> | undefined

/** Rejects, saying why, where it cannot be had. */
export function enginePrograms(): Promise<EnginePrograms> {
  found ??= fetched()
  return found
}

async function fetched(): Promise<EnginePrograms> {
  const python = 'python3'
  const run = promisify(execFile)
  await run(python, ['-c', 'import ssl, http.server']).catch(() => {
    throw new Error('there is no python3, which carries the engine')
  })
  const home = await cached(PACKAGE, ENGINE_VERSION, async work => {
    const flags = ['--quiet', '--no-deps', '--only-binary=:all:', '--no-compile', '--disable-pip-version-check']
    const patience = ['--retries', '1', '--timeout', '30']
    const target = join(work, 'packages')
    await run(python, [
      '-m',
      'pip',
      'install',
      ...flags,
      ...patience,
      `--target=${target}`,
      `${PACKAGE}==${ENGINE_VERSION}`,
    ])
    return target
  })
  return { python, home, server: fileURLToPath(new URL('./engine_server.py', import.meta.url)) }
}
