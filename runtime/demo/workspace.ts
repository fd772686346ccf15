import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { extname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { stringify } from 'yaml'
import { TailraceError } from '../errors.ts'
import { SHOP_TABLES } from './shop.ts'
import type { DemoSink } from './sinks/sink.ts'
import { startWatchdog } from './watchdog.ts'

/** `tailrace`, as this very code was started: from a checkout or from the package. */
export const MAIN = fileURLToPath(new URL(`../cli/main${extname(import.meta.url)}`, import.meta.url))

/**
 * $1 the folder, $2 node, $3 tailrace. Stdin tells, a line each: `pipeline`, its process (or nothing: there is none),
 * and `remove`, a sink whose target is not ours and must be as it was; there may be several. At its end, which is also the end of a killed
 * demo, process, sink and folder go. A killed process may hold its log for a moment longer.
 */
const WATCHDOG = `
while read -r what value; do
  case $what in pipeline) pid=$value ;; remove) sinks="$sinks $value" ;; esac
done
[ -n "$pid" ] && kill -9 "$pid"
left=0
for sink in $sinks; do
  gone=0
  for attempt in 1 2 3; do
    "$2" "$3" remove -c "$1/tailrace.yaml" --sink "$sink" --yes && gone=1 && break
    sleep 1
  done
  [ $gone = 1 ] || left=1
done
rm -rf "$1" || { sleep 1; rm -rf "$1"; }
exit $left
`

/** A temporary folder with everything the pipeline reads and writes. Gone when this is disposed or the demo dies. */
export class Workspace implements AsyncDisposable {
  readonly folder: string
  readonly config: string
  readonly data: string
  readonly output: string
  readonly #watchdog: ChildProcess
  /** Of somebody else's server: what is left there if the removal fails. */
  readonly #foreign: string[] = []

  private constructor(folder: string, watchdog: ChildProcess) {
    this.folder = folder
    this.config = join(folder, 'tailrace.yaml')
    this.data = join(folder, 'data')
    this.output = join(folder, 'pipeline.log')
    this.#watchdog = watchdog
  }

  static async create(): Promise<Workspace> {
    const folder = await mkdtemp(join(tmpdir(), 'tailrace-demo-'))
    const args = [folder, process.execPath, MAIN]
    return new Workspace(folder, await startWatchdog(WATCHDOG, args, { cwd: '/', detached: true }))
  }

  /** Writes the configuration that a user would write for the shop at `url`. */
  async configure(type: string, url: string, pipeline: string, sinks: readonly DemoSink[]): Promise<void> {
    const text = stringify({
      pipeline,
      log: { type: 'embedded', path: './data' },
      sources: { app: { type, url, tables: SHOP_TABLES.map(table => `public.${table}`) } },
      sinks: Object.fromEntries(sinks.map(({ name, options }) => [name, options])),
      http: { listen: '127.0.0.1:0' },
    })
    await writeFile(this.config, text)
  }

  /** Tells whom to end if the demo itself is killed; undefined: nobody. */
  watch(pid: number | undefined): void {
    this.#tell('pipeline', `${pid ?? ''}`)
  }

  /** From now on this sink is removed at the end; `keys` says what would be left in its target otherwise. */
  removeAtEnd(sink: string, keys: string): void {
    this.#foreign.push(keys)
    this.#tell('remove', sink)
  }

  #tell(what: string, value: string): void {
    this.#watchdog.stdin!.write(`${what} ${value}\n`)
  }

  /** Call it when the pipeline has ended. Throws DEMO_KEYS_LEFT. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#watchdog.ref()
    const exit = once(this.#watchdog, 'exit')
    this.#watchdog.stdin!.end()
    const [code] = await exit
    if (code === 0 || this.#foreign.length === 0) return
    throw new TailraceError(
      'DEMO_KEYS_LEFT',
      'stop',
      `What the demo made could not be removed: ${this.#foreign.join('; ')}.`,
      {
        hint: 'Remove these keys yourself, or leave them: nothing else uses them.',
      },
    )
  }
}
