import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { startLocalPostgres } from '../../runtime/demo/server.ts'
import { cached } from './cached-package.ts'

const taken = new Set<string>()

/**
 * The data folder of a new database cluster, made once for all tests: copying it takes a tenth of what initdb takes.
 * Undefined the second time: servers that one test file starts are different systems, each with its own identifier.
 */
export async function cachedCluster(native: string): Promise<string | undefined> {
  if (taken.has(native)) return undefined
  taken.add(native)
  const { stdout } = await promisify(execFile)(join(native, 'bin', 'postgres'), ['--version'])
  const version = /[\d.]+/.exec(stdout)![0]
  const name = `${version}-${process.platform}-${process.arch}-${process.getuid?.() ?? ''}`
  return await cached('postgres-cluster', name, async work => {
    await using server = await startLocalPostgres({ native })
    await server.stop()
    const data = join(work, 'data')
    await promisify(execFile)('cp', ['-Rp', server.dataDir, data])
    return data
  })
}
