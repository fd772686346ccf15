/** MySQL's and MariaDB's programs for tests: Debian's packages, fetched at first use. */
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { errorMessage } from '../../../runtime/errors.ts'
import { debianPackages, debianProgram, type Program } from '../debian-package.ts'

export type Flavor = 'mysql' | 'mariadb'

export const FLAVORS: readonly Flavor[] = ['mysql', 'mariadb']

/** By its name in MySQL; MariaDB calls them otherwise. */
export type ClientName = 'mysql' | 'mysqlbinlog' | 'mysqldump'

export interface MysqlPrograms {
  /** The packages unpacked: below it `usr/`. */
  readonly home: string
  /** `9.7.4`, `10.11.18`. */
  readonly version: string
}

/** MySQL 9 is in Debian's unstable suite alone; MariaDB 10.11 is that of Debian 12. */
const SUITES = {
  mysql: { suite: 'sid', packages: ['mysql-server-core', 'mysql-client-core'] },
  mariadb: { suite: 'bookworm', packages: ['mariadb-server-core', 'mariadb-client'] },
} as const

export const SERVERS: Readonly<Record<Flavor, string>> = { mysql: 'usr/sbin/mysqld', mariadb: 'usr/sbin/mariadbd' }

const CLIENTS: Readonly<Record<Flavor, Readonly<Record<ClientName, string>>>> = {
  mysql: { mysql: 'mysql', mysqlbinlog: 'mysqlbinlog', mysqldump: 'mysqldump' },
  mariadb: { mysql: 'mariadb', mysqlbinlog: 'mariadb-binlog', mysqldump: 'mariadb-dump' },
}

const found = new Map<Flavor, Promise<MysqlPrograms>>()

/** Rejects, saying why, if they cannot be fetched. */
export function mysqlPrograms(flavor: Flavor): Promise<MysqlPrograms> {
  let programs = found.get(flavor)
  if (programs === undefined) {
    programs = fetched(flavor)
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

/** Its options follow; give `--no-defaults` first, or it reads this machine's settings. */
export async function clientProgram(flavor: Flavor, name: ClientName): Promise<Program> {
  const { home } = await mysqlPrograms(flavor)
  return await debianProgram(home, join('usr/bin', CLIENTS[flavor][name]))
}

async function fetched(flavor: Flavor): Promise<MysqlPrograms> {
  const { suite, packages } = SUITES[flavor]
  const home = await debianPackages({ name: `${flavor}-${suite}`, packages, suite })
  const [command, ...args] = await debianProgram(home, SERVERS[flavor])
  const { stdout } = await promisify(execFile)(command, [...args, '--no-defaults', '--version'])
  return { home, version: /Ver ([\d.]+)/.exec(stdout)![1]! }
}
