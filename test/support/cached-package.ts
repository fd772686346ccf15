import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { errorCode } from '../../runtime/errors.ts'

/** Programs that only tests and benchmarks need lie here, outside the checkout. */
export function cacheFolder(): string {
  return process.env.TAILRACE_CACHE ?? join(homedir(), '.cache', 'tailrace')
}

/**
 * A package of npm with what it depends on, fetched into the cache at first use without running its scripts. Answers
 * the folder that holds its `node_modules`, or what `keep` chose in there. Rejects if it cannot be fetched.
 */
export async function cachedPackage(
  name: string,
  version: string,
  keep: (nodeModules: string) => Promise<string> | string = dirname,
): Promise<string> {
  return await cached(name.replace('/', '+'), version, async work => {
    const impatience = ['--fetch-retries=1', '--fetch-timeout=30000']
    const flags = ['--ignore-scripts', '--no-save', '--no-package-lock', '--no-audit', '--no-fund', '--loglevel=error']
    await promisify(execFile)('npm', ['install', `--prefix=${work}`, ...impatience, ...flags, `${name}@${version}`], {
      cwd: work,
    })
    return await keep(join(work, 'node_modules'))
  })
}

/**
 * A folder of the cache, made at first use: `make` is given an empty one, and answers what of it is kept. It appears in
 * one step, so processes that make it at the same time, or die, do no harm.
 */
export async function cached(kind: string, name: string, make: (work: string) => Promise<string>): Promise<string> {
  const parent = join(cacheFolder(), kind)
  const home = join(parent, name)
  if (existsSync(home)) return home
  await mkdir(parent, { recursive: true })
  const work = await mkdtemp(join(parent, 'making-'))
  try {
    await rename(await make(work), home)
  } catch (error) {
    const overtaken = errorCode(error) === 'ENOTEMPTY' || errorCode(error) === 'EEXIST'
    if (!overtaken) throw error
  } finally {
    await rm(work, { recursive: true, force: true })
  }
  return home
}
