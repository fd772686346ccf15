/**
 * Programs of Debian packages with every library they load, fetched into the cache at first use. The system is not
 * touched: apt resolves against an empty list of installed packages, with package lists of its own.
 */
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { promisify } from 'node:util'
import { errorMessage } from '../../runtime/errors.ts'
import { cached } from './cached-package.ts'

const run = promisify(execFile)

/** Program and the arguments that come before its own. */
export type Program = readonly [string, ...string[]]

export interface DebianPackages {
  /** Of the folder in the cache. */
  readonly name: string
  readonly packages: readonly string[]
  /** `sid`, from the mirror that this machine's apt uses; default: whatever this machine's apt offers. */
  readonly suite?: string
}

/** Scripts of packages want these, programs do not load them. */
const NOT_LOADED = /^(perl|libperl|[^_]*-perl_|debconf|dpkg|tar_|gcc-[^_]*-base|init-system-helpers|libc-gconv)/

const NOT_READ = ['doc', 'man', 'locale', 'lintian', 'bug', 'menu', 'info']

/** Debian's own keys, wherever apt itself expects them on this machine. */
const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg'

/** The folder that the packages are unpacked in. Rejects, saying why, if they cannot be fetched. */
export async function debianPackages(wanted: DebianPackages): Promise<string> {
  return await cached('debian', `${wanted.name}-${process.arch}`, async work => {
    try {
      return await fetch(wanted, work)
    } catch (error) {
      throw new Error(`apt cannot fetch ${wanted.packages.join(' and ')}: ${reasonOf(error)}`)
    }
  })
}

/**
 * How to run a program of unpacked packages: by their own loader and with their own libraries, which may be newer than
 * the machine's. `as` is its name where one file serves several.
 */
export async function debianProgram(home: string, path: string, as = basename(path)): Promise<Program> {
  const parents = [join(home, 'lib'), join(home, 'usr', 'lib')].filter(existsSync)
  const libraries: string[] = []
  for (const parent of parents)
    for (const name of await readdir(parent)) if (name.endsWith('-linux-gnu')) libraries.push(join(parent, name))
  for (const folder of libraries) {
    const loader = (await readdir(folder)).find(name => name.startsWith('ld-linux'))
    if (loader === undefined) continue
    return [join(folder, loader), '--argv0', as, '--library-path', libraries.join(':'), join(home, path)]
  }
  throw new Error(`no program loader among the packages in ${home}`)
}

async function fetch({ packages, suite }: DebianPackages, work: string): Promise<string> {
  const root = join(work, 'root')
  const lists = join(work, 'lists')
  const archives = join(work, 'cache', 'archives')
  for (const folder of [root, join(lists, 'partial'), join(archives, 'partial')])
    await mkdir(folder, { recursive: true })
  await writeFile(join(work, 'status'), '')
  const settings = [
    `Dir::State::status=${join(work, 'status')}`,
    `Dir::State::lists=${lists}`,
    `Dir::Cache=${join(work, 'cache')}`,
    'Debug::NoLocking=1',
    `APT::Sandbox::User=${process.getuid?.() === 0 ? 'root' : ''}`,
    'Acquire::Retries=1',
    'Acquire::http::Timeout=30',
    'Acquire::https::Timeout=30',
    'Acquire::Languages=none',
    'Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false',
  ]
  if (suite !== undefined) {
    const sources = join(work, 'sources.list')
    const signedBy = existsSync(KEYRING) ? `[signed-by=${KEYRING}] ` : ''
    await writeFile(sources, `deb ${signedBy}${await debianMirror()} ${suite} main\n`)
    const alone = [`Dir::Etc::sourcelist=${sources}`, 'Dir::Etc::sourceparts=-']
    settings.push(...alone, 'APT::Update::Error-Mode=any')
  }
  const apt = ['-q', ...settings.flatMap(setting => ['-o', setting])]
  await run('apt-get', [...apt, 'update'])
  await run('apt-get', [...apt, '--no-install-recommends', '-y', '-d', 'install', ...packages])
  for (const name of await readdir(archives))
    if (name.endsWith('.deb') && !NOT_LOADED.test(name)) await run('dpkg', ['-x', join(archives, name), root])
  for (const name of NOT_READ) await rm(join(root, 'usr', 'share', name), { recursive: true, force: true })
  return root
}

/** Where this machine's apt takes Debian's main archive from: the entry of a release, not of its updates. */
async function debianMirror(): Promise<string> {
  const format = ['--no-release-info', '--format', '$(RELEASE) $(REPO_URI)']
  const { stdout } = await run('apt-get', ['indextargets', ...format, 'Created-By: Packages', 'Component: main'])
  const mirror = /^[a-z]+ (\S*debian\S*)$/m.exec(stdout)?.[1]
  if (mirror === undefined) throw new Error('apt has no mirror of Debian here')
  return mirror
}

function reasonOf(error: unknown): string {
  return /^E: (.*)$/m.exec(errorMessage(error))?.[1] ?? errorMessage(error).split('\n')[0]!
}
