import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { open, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { sleep } from '../abort.ts'
import { errorCode, errorMessage, TailraceError } from '../errors.ts'
import type { PipelineStatus } from '../status.ts'
import { MAIN, type Workspace } from './workspace.ts'

const LOOK_MS = 50
const START_SECONDS = 30
const STOP_SECONDS = 20
const SERVICE_UNAVAILABLE = 503

interface Address {
  readonly pid: number
  readonly url: string
  readonly token?: string | null
}

/** The pipeline as its users run it: `tailrace run` in a process of its own, asked over HTTP. */
export class PipelineProcess implements AsyncDisposable {
  readonly #workspace: Workspace
  readonly #child: ChildProcess
  readonly #gone: Promise<void>
  #ended = false
  #ending = false
  #address: Address | undefined

  private constructor(workspace: Workspace, child: ChildProcess, onFailure: (error: unknown) => void) {
    this.#workspace = workspace
    this.#child = child
    this.#gone = once(child, 'exit').then(async ([code, signal]) => {
      this.#ended = true
      workspace.watch(undefined)
      if (!this.#ending) onFailure(await this.#explain(`it ended with ${signal ?? `status ${code}`}`))
    }, onFailure)
  }

  /**
   * Returns once it answers over HTTP. `onFailure` is told when the process ends by itself, now or later, and should
   * abort `signal`.
   */
  static async start(
    workspace: Workspace,
    signal: AbortSignal,
    onFailure: (error: unknown) => void,
  ): Promise<PipelineProcess> {
    signal.throwIfAborted()
    const output = await open(workspace.output, 'a')
    // A process group of its own: an interrupt at the terminal reaches the demo, which ends it in order.
    const child = spawn(process.execPath, [MAIN, 'run', '-c', workspace.config, '--yes'], {
      cwd: workspace.folder,
      detached: true,
      env: { ...process.env, NO_COLOR: '1' },
      stdio: ['ignore', output.fd, output.fd],
    })
    const pipeline = new PipelineProcess(workspace, child, onFailure)
    workspace.watch(child.pid)
    await output.close()
    try {
      await pipeline.#answering(signal)
      return pipeline
    } catch (error) {
      await pipeline.stop()
      throw error
    }
  }

  /** Throws DEMO_PIPELINE_FAILED if a part of the pipeline has failed. */
  async status(signal: AbortSignal): Promise<PipelineStatus> {
    const status = (await (await this.#get('/status', signal)).json()) as PipelineStatus
    if (status.health === 'red') throw await this.#explain(status.reasons.join(', '))
    return status
  }

  /** Resolves once every sink has applied what was committed at the source before the call. */
  async wait(signal: AbortSignal): Promise<void> {
    await (await this.#get('/wait?timeout=60', signal)).text()
  }

  /** The changes that the log holds behind a cursor, each as a line of JSON. */
  async changes(cursor: string, signal: AbortSignal): Promise<ReadableStream<Uint8Array>> {
    const response = await this.#get(`/changes?follow=false&from=${encodeURIComponent(cursor)}`, signal)
    return response.body!
  }

  /** As a crash. */
  async kill9(): Promise<void> {
    await this.#end('SIGKILL')
  }

  /** As Ctrl-C: what the log has taken stays, sinks store their cursors. */
  async stop(): Promise<void> {
    await this.#end('SIGTERM')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    this.#ending = true
    const impatience = setTimeout(() => this.#child.kill('SIGKILL'), STOP_SECONDS * 1000)
    if (!this.#ended) this.#child.kill(signal)
    await this.#gone
    clearTimeout(impatience)
  }

  async #get(path: string, signal: AbortSignal): Promise<Response> {
    const { url } = this.#address!
    let response: Response
    try {
      response = await fetch(new URL(path, url), { headers: this.#headers(), signal })
    } catch (error) {
      signal.throwIfAborted()
      throw await this.#explain(`${path} was not answered: ${errorMessage(error)}`)
    }
    if (response.ok) return response
    throw await this.#explain(`${path} answered ${response.status}: ${(await response.text()).trim()}`)
  }

  #headers(): Record<string, string> {
    const { token } = this.#address!
    const accept = { accept: 'application/json, application/x-ndjson' }
    return token === undefined || token === null ? accept : { ...accept, authorization: `Bearer ${token}` }
  }

  /** The process writes its address beside its log when it listens, and answers 503 until it runs. */
  async #answering(signal: AbortSignal): Promise<void> {
    const deadline = Date.now() + START_SECONDS * 1000
    while (Date.now() < deadline) {
      const address = await readAddress(join(this.#workspace.data, 'tailrace.json'))
      if (address !== undefined && address.pid === this.#child.pid) {
        this.#address = address
        const response = await fetch(new URL('/status', address.url), { headers: this.#headers(), signal })
        await response.text()
        if (response.status !== SERVICE_UNAVAILABLE) return
      }
      await sleep(LOOK_MS, signal)
    }
    throw await this.#explain(`it does not answer after ${START_SECONDS} s`)
  }

  async #explain(what: string): Promise<TailraceError> {
    const said = (await readFile(this.#workspace.output, 'utf8')).trim().split('\n').slice(-12).join('\n')
    return new TailraceError('DEMO_PIPELINE_FAILED', 'stop', `The pipeline of the demo failed: ${what}.\n${said}`, {
      hint: 'This should not happen: please report it with the lines above.',
    })
  }
}

async function readAddress(file: string): Promise<Address | undefined> {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as Address
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined
    throw error
  }
}
