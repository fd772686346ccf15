import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { until } from './until.ts'

const SCRIPT = fileURLToPath(new URL('./log-child.ts', import.meta.url))

/** The owner of a log in a process of its own (log-child.ts). */
export class LogProcess implements AsyncDisposable {
  readonly #child: ChildProcess
  readonly #exited: Promise<unknown>
  readonly lines: string[] = []
  signal: NodeJS.Signals | null = null

  constructor(folder: string, units: number, crash = '') {
    this.#child = spawn(process.execPath, [SCRIPT, folder, String(units)], {
      env: { ...process.env, TAILRACE_CRASH: crash, NODE_OPTIONS: '', NODE_NO_WARNINGS: '1' },
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    createInterface({ input: this.#child.stdout! }).on('line', line => this.lines.push(line))
    this.#exited = once(this.#child, 'close').then(([, signal]) => {
      this.signal = signal
    })
  }

  /** The last unit that was acknowledged. */
  get acknowledged(): number {
    return Number(this.lines.findLast(line => /^\d+$/.test(line)) ?? 0)
  }

  said(line: string): Promise<void> {
    return until(() => this.lines.includes(line) || this.#child.exitCode !== null, `the owner says ${line}`)
  }

  /** Lets it close the log in good order. */
  finish(): void {
    this.#child.stdin!.write('finish')
  }

  async exited(): Promise<void> {
    await this.#exited
  }

  async kill(): Promise<void> {
    this.#child.kill('SIGKILL')
    await this.#exited
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill()
  }
}
