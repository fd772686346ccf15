/** A Redis or Valkey server's program: the machine's own, else Debian's package with its libraries, fetched at first use. */
import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { installedRedis, isProgram, type RedisProgram } from '../../runtime/demo/redis-process.ts'
import { errorCode, errorMessage } from '../../runtime/errors.ts'
import { cacheFolder } from './cached-package.ts'

const run = promisify(execFile)

/** The packages that hold what the server loads; the others of the closure are for installing it. */
const NEEDED = /^(redis-|libc6_|lib(atomic|crypt|gcc|gcrypt|gpg|jemalloc|lz|lua|ssl|stdc|systemd|zstd|cap2)|lua-)/

let found: Promise<RedisProgram> | undefined

/** Rejects, saying why, if there is none and none can be fetched. */
export function redisProgram(): Promise<RedisProgram> {
  found ??= installedRedis(process.env.PATH ?? '').then(program => program ?? fetched())
  return found
}

/** It appears in one step, so processes that fetch at the same time, or die, do no harm. */
async function fetched(): Promise<RedisProgram> {
  const home = join(cacheFolder(), `redis-debian-${process.arch}`)
  if (!(await isProgram(join(home, 'usr', 'bin', 'redis-check-rdb')))) {
    await mkdir(cacheFolder(), { recursive: true })
    const work = await mkdtemp(join(cacheFolder(), 'fetching-'))
    try {
      await fetch(work)
      await rename(join(work, 'root'), home)
    } catch (error) {
      const overtaken = errorCode(error) === 'ENOTEMPTY' || errorCode(error) === 'EEXIST'
      if (!overtaken) throw new Error(`no redis-server, and apt cannot fetch one: ${reasonOf(error)}`)
    } finally {
      await rm(work, { recursive: true, force: true })
    }
  }
  const [triplet] = (await readdir(join(home, 'lib'))).filter(name => name.endsWith('-linux-gnu'))
  const libraries = [join(home, 'lib', triplet!), join(home, 'usr', 'lib', triplet!)]
  const [loader] = (await readdir(libraries[0]!)).filter(name => name.startsWith('ld-linux'))
  // One program with several names: which it is, it learns from the first argument.
  const as = ['--argv0', 'redis-server', '--library-path', libraries.join(':')]
  return [join(libraries[0]!, loader!), ...as, join(home, 'usr', 'bin', 'redis-check-rdb')]
}

/** Against an empty list of installed packages, so that every library comes along; the system is not touched. */
async function fetch(work: string): Promise<void> {
  const archives = join(work, 'cache', 'archives')
  await mkdir(join(archives, 'partial'), { recursive: true })
  await mkdir(join(work, 'root'))
  await writeFile(join(work, 'status'), '')
  const settings = [
    `Dir::State::status=${join(work, 'status')}`,
    `Dir::Cache=${join(work, 'cache')}`,
    'Debug::NoLocking=1',
    `APT::Sandbox::User=${process.getuid?.() === 0 ? 'root' : ''}`,
    'Acquire::Retries=1',
  ].flatMap(setting => ['-o', setting])
  await run('apt-get', [...settings, '--no-install-recommends', '-y', '-d', 'install', 'redis-server'])
  for (const name of await readdir(archives))
    if (NEEDED.test(name)) await run('dpkg', ['-x', join(archives, name), join(work, 'root')])
}

function reasonOf(error: unknown): string {
  return /^E: (.*)$/m.exec(errorMessage(error))?.[1] ?? errorMessage(error).split('\n')[0]!
}
