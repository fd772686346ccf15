/**
 * From a commit to its change on disk in the log, and to its row in Redis: `tailrace run` in a process of its own, with
 * PostgreSQL (fsync on) and Redis beside it; one-row transactions at 20 and at 200 a second. The clock starts right
 * after COMMIT has returned to the writer. A third process watches from outside (support/latency-observer.ts); what it
 * takes to notice is in the figures, and measured by itself with keys that the writer sets. Behind it what the disk takes
 * for a write and an fdatasync alone, without the pipeline, after the same commits. `--commits N` (1000), at each rate.
 * `--compacting N`: the same once more while a log of N rows more is compacted, over and over.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, open, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import type pg from 'pg'
import { addressOf } from '../../sinks/redis/address.ts'
import { Connection } from '../../sinks/redis/connection.ts'
import { percentile } from '../crash/fresh-read.ts'
import { type PostgresServer, startPostgres } from '../support/postgres.ts'
import { startRedis } from '../support/redis.ts'
import { RunningVerb } from '../support/small-pipeline.ts'
import { type BenchResult, note } from './support/result.ts'
import { BENCH_SETTINGS } from './support/workload.ts'

const RATES = [20, 200]
const WARM_UP = 200
/** Keys that the writer sets itself, to see how soon the observer notices. */
const PROBES = 300
/** As large as the log's chunk of one such transaction. */
const RECORD = Buffer.alloc(300, 1)
const JSON_TYPE = { 'content-type': 'application/json' }
const OBSERVER = fileURLToPath(new URL('./support/latency-observer.ts', import.meta.url))

export default async function latency(args: readonly string[]): Promise<BenchResult> {
  const options = {
    commits: { type: 'string', default: '1000' },
    compacting: { type: 'string', default: '0' },
  } as const
  const { values } = parseArgs({ args: [...args], options })
  const [count, rows] = [Number(values.commits), Number(values.compacting)]
  const folder = await mkdtemp(join(tmpdir(), 'tailrace-bench-latency-'))
  try {
    await using server = await startPostgres({ settings: { ...BENCH_SETTINGS, fsync: 'on' } })
    await using cache = await startRedis({ settings: { 'notify-keyspace-events': 'KEA' } })
    await server.sql('create table bench_latency (id bigint primary key, note text not null)')
    await server.sql('create table bench_history (id bigint primary key, note text not null)')
    await server.sql(`insert into bench_history select n, md5(n::text) from generate_series(1, ${rows}) n`)
    await using running = new AsyncDisposableStack()
    const config = join(folder, 'tailrace.yaml')
    await writeFile(config, pipelineYaml(server.url(), cache.url()))
    const processFile = join(folder, 'data', 'tailrace.json')
    const pipeline = running.use(new RunningVerb(config, processFile))
    await pipeline.until(
      ({ sources, sinks }) => sources.app?.phase === 'streaming' && sinks.cache?.phase === 'live',
      'the pipeline streams',
    )
    const { url } = JSON.parse(await readFile(processFile, 'utf8')) as { url: string }
    const observer = running.use(await Observer.start(new URL('/changes', url).href, cache.port))
    await using writer = await Writer.open(server)
    await writer.commitAt(RATES.at(-1)!, WARM_UP)
    const runs: { name: string; commits: Commit[] }[] = []
    for (const rate of RATES) {
      note(`${count} commits at ${rate} a second`)
      runs.push({ name: `${rate}/s`, commits: await writer.commitAt(rate, count) })
    }
    for (const rate of rows === 0 ? [] : RATES) {
      note(`${count} commits at ${rate} a second, while the log is compacted`)
      const compacting = compactAgainAndAgain(url)
      const commits = await writer.commitAt(rate, count)
      note(`${await compacting.end()} compactions`)
      runs.push({ name: `${rate}/s while compacting`, commits })
    }
    const probes = await probe(cache.url(), writer.next)
    await fetch(new URL('/wait?timeout=60', url))
    const { durable, visible } = await observer.end()
    const medians: Record<string, number> = {}
    for (const { name, commits } of runs) {
      Object.assign(medians, figures(`commit to durable, ${name}`, commits, durable))
      Object.assign(medians, figures(`commit to visible in Redis, ${name}`, commits, visible))
    }
    Object.assign(medians, figures('a key set by the writer to the observer', probes, visible))
    await running.disposeAsync()
    for (const rate of RATES) {
      note(`${count} writes at ${rate} a second`)
      Object.assign(medians, shares(`write and fdatasync alone, ${rate}/s`, await syncs(writer, rate, count, folder)))
    }
    return { ratios: {}, medians }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

function pipelineYaml(postgres: string, redis: string): string {
  return `pipeline: bench
log:
  path: ./data
  keepHistory: 0s
sources:
  app:
    type: postgres
    url: ${postgres}
    tables: [public.bench_latency, public.bench_history]
sinks:
  cache:
    type: redis
    url: ${redis}
    tables: [app.public.bench_latency]
http:
  listen: 127.0.0.1:0
`
}

function compactAgainAndAgain(url: string): { end(): Promise<number> } {
  let isEnding = false
  const loop = async (): Promise<number> => {
    for (let passes = 0; ; passes++) {
      if (isEnding) return passes
      const response = await fetch(new URL('/sources/app/compact', url), { method: 'POST', headers: JSON_TYPE })
      if (!response.ok) throw new Error(await response.text())
    }
  }
  const passes = loop()
  passes.catch(() => {})
  return {
    end() {
      isEnding = true
      return passes
    },
  }
}

/** A key and when it was committed, nanoseconds on the monotonic clock. */
interface Commit {
  readonly key: string
  readonly at: bigint
}

class Writer implements AsyncDisposable {
  readonly #client: pg.Client
  next = 1

  private constructor(client: pg.Client) {
    this.#client = client
  }

  static async open(server: PostgresServer): Promise<Writer> {
    return new Writer(await server.connect())
  }

  /** At random distances, so that no timer elsewhere keeps step with them. */
  async commitAt(rate: number, count: number, then?: () => Promise<void>): Promise<Commit[]> {
    const commits: Commit[] = []
    let due = performance.now()
    for (let i = 0; i < count; i++) {
      due += (1000 / rate) * (0.5 + Math.random())
      await sleep(Math.max(0, due - performance.now()))
      const key = String(this.next++)
      await this.#client.query('insert into bench_latency values ($1, $2)', [key, 'ring twice, then wait'])
      commits.push({ key, at: process.hrtime.bigint() })
      await then?.()
    }
    return commits
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#client.end()
  }
}

async function probe(url: string, first: number): Promise<Commit[]> {
  const { signal } = new AbortController()
  await using connection = await Connection.open(addressOf(url), 'bench', signal)
  const probes: Commit[] = []
  for (let i = 0; i < PROBES; i++) {
    await sleep(10 * Math.random())
    const key = String(first + i)
    await connection.ask('SET', `probe:${key}`, 'x')
    probes.push({ key, at: process.hrtime.bigint() })
  }
  return probes
}

/** How long a write and an fdatasync take behind each commit, in milliseconds. */
async function syncs(writer: Writer, rate: number, count: number, folder: string): Promise<number[]> {
  await using file = await open(join(folder, 'alone'), 'w')
  const took: number[] = []
  await writer.commitAt(rate, count, async () => {
    const began = performance.now()
    await file.write(RECORD)
    await file.datasync()
    took.push(performance.now() - began)
  })
  return took
}

class Observer implements AsyncDisposable {
  readonly #child: ChildProcess
  readonly #lines: AsyncIterator<string>

  private constructor(child: ChildProcess) {
    this.#child = child
    this.#lines = createInterface({ input: child.stdout! })[Symbol.asyncIterator]()
  }

  static async start(changes: string, port: number): Promise<Observer> {
    const child = spawn(process.execPath, [OBSERVER, changes, String(port)], { stdio: ['pipe', 'pipe', 'inherit'] })
    const observer = new Observer(child)
    if ((await observer.#lines.next()).value !== 'ready') throw new Error('the observer ended')
    return observer
  }

  /** By key, when it was first seen. */
  async end(): Promise<{ durable: ReadonlyMap<string, bigint>; visible: ReadonlyMap<string, bigint> }> {
    this.#child.stdin!.end()
    const seen = JSON.parse((await this.#lines.next()).value) as Record<'durable' | 'visible', [string, string][]>
    const byKey = (pairs: readonly [string, string][]) => new Map(pairs.map(([key, when]) => [key, BigInt(when)]))
    return { durable: byKey(seen.durable), visible: byKey(seen.visible) }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null) return
    const exit = once(this.#child, 'exit')
    this.#child.kill('SIGKILL')
    await exit
  }
}

/** Throws if one was never seen. */
function figures(name: string, commits: readonly Commit[], seen: ReadonlyMap<string, bigint>): Record<string, number> {
  const took = commits.map(({ key, at }) => {
    const when = seen.get(key)
    if (when === undefined) throw new Error(`${name}: ${key} was never seen`)
    return Number(when - at) / 1e6
  })
  return shares(name, took)
}

function shares(name: string, took: readonly number[]): Record<string, number> {
  const at = (share: number): number => Number(percentile(took, share).toFixed(2))
  return { [`${name}, p50 ms`]: at(0.5), [`${name}, p99 ms`]: at(0.99), [`${name}, max ms`]: at(1) }
}
