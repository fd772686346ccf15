/**
 * A MySQL or MariaDB of our own for the demo, in a temporary folder, on a free port of 127.0.0.1. Nothing stays behind,
 * also when this process is killed: a small watchdog process notices the end of its pipe.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chown, mkdtemp, open, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import mysql from 'mysql2/promise'
import { sleep } from '../../abort.ts'
import { TailraceError } from '../../errors.ts'
import { type Account, reachableTemp, serverAccount } from '../binaries.ts'
import type { DemoServer } from '../database.ts'
import { freePort } from '../free-port.ts'
import { dismissWatchdog, startWatchdog } from '../watchdog.ts'
import { findMysql, type MysqlProgram } from './programs.ts'

/** The schema of the shop, and whom its customers come as. */
export const SHOP = 'public'
const USER = 'shop'
const PASSWORD = 'shop'
const START_SECONDS = 60
const POLL_MS = 50

/** $1 the folder. At the end of stdin, which is also that of a starter that was killed, server and folder go. */
const WATCHDOG = `
read -r word
pid=$(cat "$1/server.pid" 2>/dev/null)
[ -n "$pid" ] && kill -9 "$pid"
rm -rf "$1"
[ -n "$word" ] || { sleep 3; pid=$(cat "$1/server.pid" 2>/dev/null); [ -n "$pid" ] && kill -9 "$pid"; rm -rf "$1"; }
`

/** What a source needs, as docs/mysql.md has it; every commit waits for the disk. */
const FLAGS: Readonly<Record<MysqlProgram['flavor'], readonly string[]>> = {
  mysql: [
    '--gtid-mode=ON',
    '--enforce-gtid-consistency=ON',
    '--binlog-row-metadata=FULL',
    '--mysqlx=OFF',
    '--secure-file-priv=NULL',
  ],
  mariadb: ['--log-bin=binlog', '--binlog-format=ROW', '--binlog-row-metadata=FULL', '--sync-binlog=1'],
}

/** Throws DEMO_SERVER_MISSING, DEMO_SERVER_FAILED. */
export async function startLocalMysql(): Promise<DemoServer> {
  const program = await findMysql()
  const account = serverAccount()
  const folder = await mkdtemp(join(reachableTemp(account), 'tailrace-shop-'))
  const watchdog = await startWatchdog(WATCHDOG, [folder], { cwd: '/', detached: true })
  const place = { program, account, folder }
  try {
    if (account !== undefined) await chown(folder, account.uid, account.gid)
    await initialise(place)
    const { port, child } = await start(place)
    return {
      url: `mysql://${USER}:${PASSWORD}@127.0.0.1:${port}/${SHOP}`,
      async [Symbol.asyncDispose]() {
        await end(child)
        await dismissWatchdog(watchdog)
      },
    }
  } catch (error) {
    await dismissWatchdog(watchdog)
    throw error
  }
}

interface Place {
  readonly program: MysqlProgram
  readonly account: Account | undefined
  readonly folder: string
}

async function initialise({ program, account, folder }: Place): Promise<void> {
  const data = `--datadir=${join(folder, 'data')}`
  const [command, args] =
    program.install === undefined
      ? [program.server, ['--no-defaults', '--initialize-insecure', data, `--tmpdir=${folder}`]]
      : [program.install, ['--no-defaults', data, '--auth-root-authentication-method=normal', '--skip-test-db']]
  try {
    await promisify(execFile)(command, args, childOptions(account, folder))
  } catch (cause) {
    const said = typeof cause === 'object' && cause !== null && 'stderr' in cause ? String(cause.stderr).trim() : ''
    throw failed(`making an empty server failed: ${said.split('\n').slice(-6).join('\n')}`, cause)
  }
}

/** Run at each start. */
const FIRST_WORDS = `CREATE DATABASE IF NOT EXISTS ${SHOP} CHARACTER SET utf8mb4;
CREATE USER IF NOT EXISTS '${USER}'@'%' IDENTIFIED BY '${PASSWORD}';
GRANT ALL PRIVILEGES ON *.* TO '${USER}'@'%';
`

async function start({ program, account, folder }: Place): Promise<{ port: number; child: ChildProcess }> {
  const words = join(folder, 'words.sql')
  await writeFile(words, FIRST_WORDS)
  const port = await freePort()
  const file = join(folder, 'server.log')
  const log = await open(file, 'a')
  const args = [
    '--no-defaults',
    `--datadir=${join(folder, 'data')}`,
    `--tmpdir=${folder}`,
    `--socket=${join(folder, 'server.sock')}`,
    `--pid-file=${join(folder, 'server.pid')}`,
    `--init-file=${words}`,
    '--bind-address=127.0.0.1',
    `--port=${port}`,
    '--server-id=1',
    '--skip-name-resolve',
    ...FLAGS[program.flavor],
  ]
  const child = spawn(program.server, args, {
    ...childOptions(account, folder),
    stdio: ['ignore', log.fd, log.fd],
  })
  let cause: string | undefined
  child.once('error', error => {
    cause = String(error)
  })
  child.once('exit', (code, signal) => {
    cause = `it ended with ${signal ?? `status ${code}`}`
  })
  await log.close()
  const deadline = Date.now() + START_SECONDS * 1000
  const never = new AbortController().signal
  while (cause === undefined && Date.now() < deadline) {
    if (await answers(port)) {
      child.unref()
      return { port, child }
    }
    await sleep(POLL_MS, never)
  }
  child.kill('SIGKILL')
  const said = (await readFile(file, 'utf8')).trim().split('\n').slice(-6).join('\n')
  throw failed(`${cause ?? `not ready after ${START_SECONDS} s`}\n${said}`)
}

async function answers(port: number): Promise<boolean> {
  try {
    const options = { host: '127.0.0.1', port, user: USER, password: PASSWORD, database: SHOP }
    const connection = await mysql.createConnection(options)
    await connection.end()
    return true
  } catch {
    return false
  }
}

/** A session of its own: an interrupt at the terminal reaches us only, and we end it in order. */
function childOptions(account: Account | undefined, cwd: string) {
  return { ...account, cwd, detached: true, env: { PATH: process.env.PATH, LC_ALL: 'C', TZ: 'UTC' } }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  child.ref()
  const exit = once(child, 'exit')
  child.kill('SIGKILL')
  await exit
}

function failed(why: string, cause?: unknown): TailraceError {
  return new TailraceError('DEMO_SERVER_FAILED', 'stop', `MySQL did not start: ${why}`, {
    hint: 'free memory, disk space or the port that the message names, then try again',
    cause,
  })
}
