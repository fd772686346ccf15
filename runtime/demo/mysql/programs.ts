/** Where MySQL's or MariaDB's server is on this machine. */
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { promisify } from 'node:util'
import { TailraceError } from '../../errors.ts'

export interface MysqlProgram {
  readonly flavor: 'mysql' | 'mariadb'
  readonly server: string
  /** Of MariaDB, which makes an empty server. */
  readonly install: string | undefined
}

/** Beside the PATH, on which servers often are not. */
export const PLACES: readonly string[] = [
  ...['/usr/sbin', '/usr/libexec', '/usr/local/sbin', '/usr/local/bin', '/usr/local/mysql/bin'],
  ...['/opt/homebrew/bin', '/opt/homebrew/opt/mysql/bin', '/opt/homebrew/opt/mariadb/bin'],
]
export const SERVERS: readonly string[] = ['mysqld', 'mariadbd']
const INSTALLERS = ['mariadb-install-db', 'mysql_install_db']

/** Throws DEMO_SERVER_MISSING. */
export async function findMysql(path = process.env.PATH ?? ''): Promise<MysqlProgram> {
  const folders = [...path.split(delimiter).filter(folder => folder !== ''), ...PLACES]
  const find = (names: readonly string[]): string | undefined =>
    folders.flatMap(folder => names.map(name => join(folder, name))).find(file => existsSync(file))
  const server = find(SERVERS)
  if (server === undefined) throw missing(`there is no ${SERVERS.join(' or ')} on the PATH or in ${PLACES[0]}`)
  const { stdout } = await promisify(execFile)(server, ['--no-defaults', '--version'])
  if (!/mariadb/i.test(stdout)) return { flavor: 'mysql', server, install: undefined }
  const install = find(INSTALLERS)
  if (install === undefined) throw missing(`${server} is there, but no ${INSTALLERS[0]}`)
  return { flavor: 'mariadb', server, install }
}

function missing(why: string): TailraceError {
  return new TailraceError('DEMO_SERVER_MISSING', 'stop', `no MySQL or MariaDB to start here: ${why}`, {
    hint: 'install a server (apt install mariadb-server, brew install mysql), or leave `--mysql` out: a PostgreSQL comes along',
  })
}
