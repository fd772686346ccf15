/** Command lines of test servers: what every start needs, and what Tailrace asks of a source. */
import { join } from 'node:path'
import { placeIn } from './programs.ts'
import type { Flavor } from './releases.ts'

/** Of user root, which may do everything from everywhere. */
export const ROOT_PASSWORD = 'millstream'

/** The log that a server prints to its folder tells this when it takes connections. */
export const READY = 'ready for connections'

/** Debian's packages have the first, MariaDB's since 11 the second, images the others. */
const SHARE_FOLDERS = ['usr/share/mysql', 'usr/share/mariadb', 'usr/share/mysql-8.4', 'usr/share/mysql-8.0'] as const

/** Of messages, character sets and system tables. */
export function shareFolder(home: string): string {
  return placeIn(home, SHARE_FOLDERS)
}

const PLUGIN_FOLDERS = ['usr/lib/mysql/plugin', 'usr/lib64/mysql/plugin'] as const

/**
 * Where things are, seen from `home`, the unpacked programs, and `folder`, the server's own with `data` in it. Comes
 * first: the settings of this machine are not read.
 */
export function placeFlags(home: string, folder: string): string[] {
  const share = shareFolder(home)
  return [
    '--no-defaults',
    `--basedir=${join(home, 'usr')}`,
    `--lc-messages-dir=${share}`,
    `--character-sets-dir=${join(share, 'charsets')}`,
    `--plugin-dir=${placeIn(home, PLUGIN_FOLDERS)}`,
    `--datadir=${join(folder, 'data')}`,
    `--tmpdir=${folder}`,
    `--socket=${join(folder, 'server.sock')}`,
    `--pid-file=${join(folder, 'server.pid')}`,
    '--secure-file-priv=',
  ]
}

/**
 * Small and quick. Nothing waits for the disk, but every commit is handed to the system: a killed server loses none,
 * and only a machine that loses power would.
 */
const QUICK: Readonly<Record<Flavor, readonly string[]>> = {
  mysql: [
    '--mysqlx=OFF',
    '--performance-schema=OFF',
    '--innodb-buffer-pool-size=32M',
    '--innodb-flush-method=nosync',
    '--innodb-flush-log-at-trx-commit=2',
    '--sync-binlog=0',
  ],
  mariadb: [
    '--innodb-log-file-size=8388608',
    '--innodb-buffer-pool-size=32M',
    '--innodb-flush-method=nosync',
    '--innodb-flush-log-at-trx-commit=2',
    '--sync-binlog=0',
    '--key-buffer-size=1M',
    '--aria-pagecache-buffer-size=8M',
  ],
}

/** Without a port and without a binary log: how a data folder is made. Small, it is copied often; it may grow later. */
export function bareFlags(flavor: Flavor): string[] {
  const small = flavor === 'mysql' ? ['--innodb-redo-log-capacity=8M'] : []
  return [...QUICK[flavor], ...small, '--skip-networking', '--skip-log-bin']
}

const MYSQL_ONLY: Readonly<Record<Flavor, readonly string[]>> = {
  mysql: ['--innodb-redo-log-capacity=64M', '--gtid-mode=ON', '--enforce-gtid-consistency=ON'],
  mariadb: [],
}

/** Host names are not looked up: 127.0.0.1 is no `localhost`, and every account is one from `%`. */
export function sourceFlags(flavor: Flavor, port: number): string[] {
  return [
    ...QUICK[flavor],
    ...MYSQL_ONLY[flavor],
    '--bind-address=127.0.0.1',
    `--port=${port}`,
    '--skip-name-resolve',
    '--server-id=1',
    '--log-bin=binlog',
    '--binlog-format=ROW',
    '--binlog-row-image=FULL',
    '--binlog-row-metadata=FULL',
  ]
}
