import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chown, mkdtemp, open, readFile, rm } from 'node:fs/promises'
import type { Socket } from 'node:net'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { type Account, isOpenTo, reachableTemp, serverAccount } from '../../runtime/demo/binaries.ts'
import type { Program } from './debian-package.ts'

/**
 * $1 the folder. Lines on stdin: the number of the process that runs in it, or nothing once that has ended. At the end
 * of the lines, which is that of their writer, what still runs is killed and the folder goes.
 */
const WATCHDOG = `
while read -r line; do server=$line; done
if [ -n "$server" ]; then
  kill -9 "$server"
  n=0; while kill -0 "$server" && [ $n -lt 100 ]; do sleep 0.1; n=$((n + 1)); done
fi
rm -rf "$1" || { sleep 1; rm -rf "$1"; }
`

export interface RunOptions {
  /** File that is its stdin. */
  readonly input?: string
  /** Of its environment, beside PATH: TZ is UTC by default. */
  readonly env?: Readonly<Record<string, string>>
}

/**
 * A temporary folder and the one process that may run in it, under the account that servers run under. Both are gone
 * when it is disposed of, and also when this process dies.
 */
export class ServerFolder implements AsyncDisposable {
  readonly path: string
  /** What its processes print, one after the other. */
  readonly logFile: string
  readonly #account: Account | undefined
  readonly #watchdog: ChildProcess

  private constructor(path: string, account: Account | undefined, watchdog: ChildProcess) {
    this.path = path
    this.logFile = join(path, 'server.log')
    this.#account = account
    this.#watchdog = watchdog
  }

  static async make(prefix: string): Promise<ServerFolder> {
    const account = serverAccount()
    const path = await mkdtemp(join(reachableTemp(account), prefix))
    try {
      if (account !== undefined) await chown(path, account.uid, account.gid)
      const stdio: ['pipe', 'ignore', 'ignore'] = ['pipe', 'ignore', 'ignore']
      const watchdog = spawn('sh', ['-c', WATCHDOG, 'sh', path], { ...account, cwd: '/', detached: true, stdio })
      await once(watchdog, 'spawn')
      watchdog.unref()
      ;(watchdog.stdin as Socket).unref()
      return new ServerFolder(path, account, watchdog)
    } catch (error) {
      await rm(path, { recursive: true, force: true })
      throw error
    }
  }

  /** One with a server that `make` starts in it; gone if that fails. Whoever has the server disposes of the folder. */
  static async with<T>(prefix: string, make: (folder: ServerFolder) => Promise<T>): Promise<T> {
    const folder = await ServerFolder.make(prefix)
    try {
      return await make(folder)
    } catch (error) {
      await folder[Symbol.asyncDispose]()
      throw error
    }
  }

  /** Runs a program here and answers at once. */
  async start([command, ...before]: Program, args: readonly string[], options: RunOptions = {}): Promise<ChildProcess> {
    const log = await open(this.logFile, 'a')
    const input = options.input === undefined ? undefined : await open(options.input)
    const child = spawn(command, [...before, ...args], {
      ...this.#account,
      cwd: this.path,
      detached: true,
      env: { PATH: process.env.PATH, LC_ALL: 'C', TZ: 'UTC', ...options.env },
      stdio: [input?.fd ?? 'ignore', log.fd, log.fd],
    })
    if (child.pid !== undefined) this.#tell(String(child.pid))
    child.once('exit', () => this.#tell(''))
    await log.close()
    await input?.close()
    return child
  }

  /** Runs a program to its end; rejects with what it printed unless that is a good one. */
  async run(program: Program, args: readonly string[], options: RunOptions = {}): Promise<void> {
    const child = await this.start(program, args, options)
    const [code] = (await once(child, 'exit')) as [number | null]
    if (code !== 0) throw new Error(`${program.at(-1)} ended with ${code}\n${await this.lastLines()}`)
  }

  async lastLines(): Promise<string> {
    return (await readFile(this.logFile, 'utf8')).trim().split('\n').slice(-8).join('\n')
  }

  /**
   * A folder of programs where the account can read them: as it is, or, if it lies in a closed folder (root's home), one
   * here of hard links, or of copies where /tmp is another disk.
   */
  async reach(home: string): Promise<string> {
    if (this.#account === undefined || isOpenTo(this.#account, home)) return home
    const here = join(this.path, 'programs')
    const run = promisify(execFile)
    await run('sh', ['-c', 'cp -RPl "$1/." "$2" || cp -RP "$1/." "$2"', 'sh', home, here])
    await this.#own(here, ['-type', 'd'])
    return here
  }

  /** Gives files here to the account. */
  async own(path: string): Promise<void> {
    await this.#own(path, [])
  }

  async #own(path: string, which: readonly string[]): Promise<void> {
    if (this.#account === undefined) return
    const owner = `${this.#account.uid}:${this.#account.gid}`
    await promisify(execFile)('find', [path, ...which, '-exec', 'chown', '-h', owner, '{}', '+'])
  }

  #tell(line: string): void {
    const { stdin } = this.#watchdog
    if (stdin?.writable === true) stdin.write(`${line}\n`)
  }

  /** What runs here must have ended, or is killed. */
  async [Symbol.asyncDispose](): Promise<void> {
    const watchdog = this.#watchdog
    if (watchdog.exitCode !== null || watchdog.signalCode !== null) return
    watchdog.ref()
    const exit = once(watchdog, 'exit')
    watchdog.stdin!.end()
    await exit
  }
}
