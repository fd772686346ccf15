/** A Redis or Valkey server of our own: for the demo and for tests. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { constants } from 'node:fs'
import { access } from 'node:fs/promises'
import type { Socket } from 'node:net'
import { delimiter, join } from 'node:path'

const NAMES = ['redis-server', 'valkey-server']

/**
 * Runs the server until its own end; kills it at the end of stdin, which is that of its starter, and then removes the
 * folder ($1) as well, unless a word came first: the starter removes it itself. Descriptor 3 is the server's alone.
 */
const WATCHDOG = `
folder=$1; shift
"$@" <&- & server=$!
exec 3>&-
read -r word
kill -9 $server 2>/dev/null
wait $server
[ -n "$word" ] || rm -rf "$folder"
`

/** Program and the arguments that come before the server's own. */
export type RedisProgram = readonly [string, ...string[]]

/** The machine's own program, in one of the folders that `path` lists (as PATH does). */
export async function installedRedis(path: string): Promise<RedisProgram | undefined> {
  for (const name of NAMES)
    for (const folder of path.split(delimiter)) {
      const program = join(folder, name)
      if (folder !== '' && (await isProgram(program))) return [program]
    }
  return undefined
}

export async function isProgram(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

/** The server and its watchdog, which ends it when this process dies. */
export class RedisProcess implements AsyncDisposable {
  readonly #watchdog: ChildProcess
  #running = true

  private constructor(watchdog: ChildProcess) {
    this.#watchdog = watchdog
    watchdog.once('error', () => {
      this.#running = false
    })
    const life = watchdog.stdio[3] as Socket
    life.resume()
    life.once('close', () => {
      this.#running = false
    })
    watchdog.unref()
    life.unref()
    ;(watchdog.stdin as Socket).unref()
  }

  /** Starts it with these settings of its configuration; `folder` is its own. It may not answer yet, or never. */
  static spawn(program: RedisProgram, folder: string, settings: Readonly<Record<string, string>>): RedisProcess {
    const all = { bind: '127.0.0.1', dir: folder, save: '', ...settings }
    const flags = Object.entries(all).flatMap(([name, value]) => [`--${name}`, value])
    return new RedisProcess(
      spawn('sh', ['-c', WATCHDOG, 'sh', folder, ...program, ...flags], {
        stdio: ['pipe', 'ignore', 'ignore', 'pipe'],
        detached: true,
      }),
    )
  }

  /** False once the server has ended. */
  get running(): boolean {
    return this.#running
  }

  /** As a crash. The folder stays. */
  async [Symbol.asyncDispose](): Promise<void> {
    const watchdog = this.#watchdog
    if (watchdog.pid === undefined || watchdog.exitCode !== null || watchdog.signalCode !== null) return
    watchdog.ref()
    const exit = once(watchdog, 'exit')
    watchdog.stdin!.end('end\n')
    await exit
  }
}
