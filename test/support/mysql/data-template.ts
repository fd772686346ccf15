import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { cached } from '../cached-package.ts'
import type { Program } from '../debian-package.ts'
import { ServerFolder } from '../server-folder.ts'
import { type MysqlPrograms, placeIn, serverProgram } from './programs.ts'
import type { Flavor } from './releases.ts'
import { bareFlags, placeFlags, ROOT_PASSWORD, shareFolder } from './settings.ts'

/** Run by the first start, a statement a line; the last ends it in order. Root has a password wherever it comes from. */
const FIRST_WORDS: Readonly<Record<Flavor, readonly string[]>> = {
  mysql: [
    `ALTER USER root@localhost IDENTIFIED BY '${ROOT_PASSWORD}';`,
    `CREATE USER root@'%' IDENTIFIED BY '${ROOT_PASSWORD}';`,
    "GRANT ALL PRIVILEGES ON *.* TO root@'%' WITH GRANT OPTION;",
    'SHUTDOWN;',
  ],
  mariadb: [
    "DELETE FROM mysql.global_priv WHERE User = 'root';",
    'FLUSH PRIVILEGES;',
    `GRANT ALL PRIVILEGES ON *.* TO root@'%' IDENTIFIED BY '${ROOT_PASSWORD}' WITH GRANT OPTION;`,
    'SHUTDOWN;',
  ],
}

/** MariaDB's system tables, as its own install script makes them, without the texts of HELP. Before 11 they are `mysql_`. */
const SYSTEM_TABLES = [
  'mariadb_system_tables.sql',
  'mariadb_performance_tables.sql',
  'mariadb_system_tables_data.sql',
  'maria_add_gis_sp_bootstrap.sql',
  'mariadb_sys_schema.sql',
]

/**
 * Puts a new server's data into `folder`, as `data`: a copy of what was made once for all tests, started and stopped
 * before, with its keys and certificates (MySQL) but with an identity of its own.
 */
export async function newData(flavor: Flavor, programs: MysqlPrograms, folder: ServerFolder): Promise<void> {
  const recipe = [...FIRST_WORDS[flavor], ...SYSTEM_TABLES, ...bareFlags(flavor)].join('\n')
  const made = createHash('sha256').update(recipe).digest('hex').slice(0, 8)
  const name = `${flavor}-${programs.text}-${process.arch}-${process.getuid?.() ?? ''}-${made}`
  const template = await cached('mysql-data', name, work => make(flavor, programs, work))
  const data = join(folder.path, 'data')
  await promisify(execFile)('cp', ['-Rp', '--sparse=always', template, data])
  await rm(join(data, 'auto.cnf'), { force: true })
}

async function make(flavor: Flavor, programs: MysqlPrograms, work: string): Promise<string> {
  await using folder = await ServerFolder.make(`tailrace-${flavor}-`)
  const home = await folder.reach(programs.home)
  const server = await serverProgram(programs.release, home)
  const flags = [...placeFlags(home, folder.path), ...bareFlags(flavor)]
  if (flavor === 'mysql') await folder.run(server, [...flags, '--initialize-insecure'])
  else await bootstrap(server, flags, home, folder)
  const words = join(folder.path, 'words.sql')
  await writeFile(words, `${FIRST_WORDS[flavor].join('\n')}\n`)
  await folder.run(server, [...flags, `--init-file=${words}`])
  const data = join(work, 'data')
  await promisify(execFile)('cp', ['-Rp', '--sparse=always', join(folder.path, 'data'), data])
  return data
}

async function bootstrap(server: Program, flags: readonly string[], home: string, folder: ServerFolder): Promise<void> {
  await mkdir(join(folder.path, 'data', 'mysql'), { recursive: true })
  await folder.own(join(folder.path, 'data'))
  const share = shareFolder(home)
  const texts = SYSTEM_TABLES.map(name => {
    const file = placeIn(share, [name, name.replace('mariadb', 'mysql')])
    return readFile(file, 'utf8')
  })
  const input = join(folder.path, 'tables.sql')
  await writeFile(input, `use mysql;\n${(await Promise.all(texts)).join('\n')}`)
  await folder.run(server, [...flags, '--bootstrap'], { input })
}
