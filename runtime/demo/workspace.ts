import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, writeFile } from 'node:fs/promises'
import type { Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { SHOP_TABLES } from './shop.ts'

/**
 * $1 the folder. Stdin names the pipeline's process, a line each time it changes (empty: there is none). At its end,
 * which is also the end of a killed demo, that process and the folder go.
 */
const WATCHDOG = `
while read -r line; do pid=$line; done
[ -n "$pid" ] && kill -9 "$pid"
rm -rf "$1" || { sleep 1; rm -rf "$1"; }
`

/** A temporary folder with everything the pipeline reads and writes. Gone when this is disposed or the demo dies. */
export class Workspace implements AsyncDisposable {
  readonly folder: string
  readonly config: string
  readonly data: string
  readonly search: string
  readonly files: string
  readonly output: string
  readonly #watchdog: ChildProcess

  private constructor(folder: string, watchdog: ChildProcess) {
    this.folder = folder
    this.config = join(folder, 'tailrace.yaml')
    this.data = join(folder, 'data')
    this.search = join(folder, 'search.db')
    this.files = join(folder, 'files')
    this.output = join(folder, 'pipeline.log')
    this.#watchdog = watchdog
  }

  /** Makes the folder and writes the configuration that a user would write for the shop at `url`. */
  static async create(url: string): Promise<Workspace> {
    const folder = await mkdtemp(join(tmpdir(), 'tailrace-demo-'))
    const watchdog = spawn('sh', ['-c', WATCHDOG, 'sh', folder], {
      cwd: '/',
      detached: true,
      stdio: ['pipe', 'ignore', 'ignore'],
    })
    await once(watchdog, 'spawn')
    watchdog.unref()
    ;(watchdog.stdin as Socket).unref()
    const workspace = new Workspace(folder, watchdog)
    await writeFile(workspace.config, configText(url))
    return workspace
  }

  /** Tells whom to end if the demo itself is killed; undefined: nobody. */
  watch(pid: number | undefined): void {
    this.#watchdog.stdin!.write(`${pid ?? ''}\n`)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#watchdog.ref()
    const exit = once(this.#watchdog, 'exit')
    this.#watchdog.stdin!.end()
    await exit
  }
}

function configText(url: string): string {
  return `pipeline: demo
log:
  type: embedded
  path: ./data
sources:
  app:
    type: postgres
    url: ${url}
    tables:
${SHOP_TABLES.map(table => `      - public.${table}\n`).join('')}sinks:
  search:
    type: sqlite
    path: ./search.db
    search:
      app.public.products: [title, description]
  files:
    type: jsonl
    path: ./files
    mode: state
http:
  listen: 127.0.0.1:0
`
}
