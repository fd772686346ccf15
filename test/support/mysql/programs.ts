/** MySQL's and MariaDB's programs for tests, fetched at first use: Debian's packages or the files of an image. */
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { errorMessage } from '../../../runtime/errors.ts'
import { debianPackages, debianProgram, type Program } from '../debian-package.ts'
import { imageFiles, imageProgram } from '../image-files.ts'
import { type Flavor, type Release, releaseOf } from './releases.ts'

/** By its name in MySQL; MariaDB calls them otherwise. */
export type ClientName = 'mysql' | 'mysqlbinlog' | 'mysqldump'

export interface MysqlPrograms {
  readonly release: Release
  /** The files of packages or image: below it `usr/`. */
  readonly home: string
  /** `9.7.4`, `10.11.18`. */
  readonly text: string
  /** 907, 1011: major * 100 + minor. */
  readonly version: number
}

const SERVERS: Readonly<Record<Flavor, string>> = { mysql: 'usr/sbin/mysqld', mariadb: 'usr/sbin/mariadbd' }

const CLIENTS: Readonly<Record<Flavor, Readonly<Record<ClientName, string>>>> = {
  mysql: { mysql: 'mysql', mysqlbinlog: 'mysqlbinlog', mysqldump: 'mysqldump' },
  mariadb: { mysql: 'mariadb', mysqlbinlog: 'mariadb-binlog', mysqldump: 'mariadb-dump' },
}

/** What is taken of an image. */
const IMAGE_FILES = ['usr/sbin/mysqld', 'usr/bin/mysql*', 'usr/share/mysql*', 'usr/lib64', 'usr/lib']

const found = new Map<Flavor, Promise<MysqlPrograms>>()

/** Those of the release that this process tests. Rejects, saying why, if they cannot be fetched. */
export function mysqlPrograms(flavor: Flavor): Promise<MysqlPrograms> {
  let programs = found.get(flavor)
  if (programs === undefined) {
    programs = fetched(releaseOf(flavor))
    found.set(flavor, programs)
  }
  return programs
}

/** The programs, or why there are none: for tests, which are skipped with that reason then. */
export async function availableMysql(flavor: Flavor): Promise<{ programs: MysqlPrograms } | { reason: string }> {
  try {
    return { programs: await mysqlPrograms(flavor) }
  } catch (error) {
    return { reason: errorMessage(error) }
  }
}

/** The server that lies in `home`. */
export async function serverProgram(release: Release, home: string): Promise<Program> {
  return await programOf(release, home, SERVERS[release.flavor])
}

/** Its options follow; give `--no-defaults` first, or it reads this machine's settings. */
export async function clientProgram(flavor: Flavor, name: ClientName): Promise<Program> {
  const { release, home } = await mysqlPrograms(flavor)
  return await programOf(release, home, join('usr/bin', CLIENTS[flavor][name]))
}

/** The first of `places` that is in `home`; the first of all where none is. */
export function placeIn(home: string, places: readonly [string, ...string[]]): string {
  return join(home, places.find(place => existsSync(join(home, place))) ?? places[0])
}

async function programOf({ from }: Release, home: string, path: string): Promise<Program> {
  return 'image' in from ? await imageProgram(home, path) : await debianProgram(home, path)
}

async function fetched(release: Release): Promise<MysqlPrograms> {
  const { from, title } = release
  const home = 'image' in from ? await imageFiles(from.image, IMAGE_FILES) : await debianPackages(from)
  const [command, ...args] = await serverProgram(release, home)
  const { stdout } = await promisify(execFile)(command, [...args, '--no-defaults', '--version'])
  const [, text, major, minor] = /Ver ((\d+)\.(\d+)[\d.]*)/.exec(stdout)!
  if (!text!.startsWith(release.version)) throw new Error(`what was fetched as ${title} is ${text}`)
  return { release, home, text: text!, version: Number(major) * 100 + Number(minor) }
}
