import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { startLocalPostgres } from '../../runtime/demo/server.ts'
import { errorCode } from '../../runtime/errors.ts'
import { cacheFolder } from './cached-package.ts'

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
  const parent = join(cacheFolder(), 'postgres-cluster')
  const home = join(parent, `${version}-${process.platform}-${process.arch}-${process.getuid?.() ?? ''}`)
  if (existsSync(home)) return home
  await mkdir(parent, { recursive: true })
  const work = await mkdtemp(join(parent, 'making-'))
  try {
    await using server = await startLocalPostgres({ native })
    await server.stop()
    await promisify(execFile)('cp', ['-Rp', server.dataDir, join(work, 'data')])
    await rename(join(work, 'data'), home)
  } catch (error) {
    const overtaken = errorCode(error) === 'ENOTEMPTY' || errorCode(error) === 'EEXIST'
    if (!overtaken) throw error
  } finally {
    await rm(work, { recursive: true, force: true })
  }
  return home
}
