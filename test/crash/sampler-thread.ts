import { createHash } from 'node:crypto'
import { setTimeout } from 'node:timers/promises'
import { parentPort, workerData } from 'node:worker_threads'
import { errorCode } from '../../runtime/errors.ts'
import { JsonlReader } from './jsonl-reader.ts'
import type { Sampled, SamplerOptions, Sighting } from './sampler.ts'
import type { SampledRow, SinkReader } from './sink-reader.ts'
import { SqliteReader } from './sqlite-reader.ts'
import { keyTexts, TABLES, type TableName } from './tables.ts'

const INTERVAL_MS = 19.5

const options = workerData as SamplerOptions & { readonly shared: SharedArrayBuffer }
const port = parentPort!
const loading = new Int32Array(options.shared)
const readers: SinkReader[] = [new SqliteReader(options.sqlite), new JsonlReader(options.jsonl, options.watched)]
const sightings: Sighting[] = []
const torn: string[] = []
const latest = new Map<string, number | null>()
let samples = 0
let turn = options.hot
let stopping = false

port.once('message', () => {
  stopping = true
})
const began = performance.now()
let due = began
while (!stopping) {
  due = Math.max(due + INTERVAL_MS, performance.now())
  for (const reader of readers) for (const table of TABLES) sample(reader, table)
  samples++
  turn = turn + options.hot >= options.watched ? options.hot : turn + options.hot
  await setTimeout(Math.max(0, due - performance.now()))
}
for (const reader of readers) reader.close()
const rate = samples / ((performance.now() - began) / 1000)
port.postMessage({ sightings, torn, samples, rate } satisfies Sampled)

function sample(reader: SinkReader, table: TableName): void {
  // Before the read: a row that is gone by then may have gone while the load was not done.
  const isLoading = Atomics.load(loading, 0) === 1
  const keys = [...range(0, options.hot), ...range(turn, Math.min(turn + options.hot, options.watched))]
  let rows: Map<number, SampledRow | null>
  try {
    rows = reader.sample(table, keys)
  } catch (error) {
    // The sink replaces files while it compacts or truncates; the next sample finds the new ones.
    if (errorCode(error) === 'ENOENT') return
    throw error
  }
  for (const [key, row] of rows) {
    const name = `${reader.name}/${table}/${key}`
    const ver = row === null ? null : row.ver
    if (latest.get(name) === ver) continue
    latest.set(name, ver)
    sightings.push({ sink: reader.name, table, key, ver, loading: isLoading })
    if (row !== null && row.body !== bodyOf(table, key, row.ver)) torn.push(`${name} at version ${ver}`)
  }
}

function bodyOf(table: TableName, key: number, ver: number): string {
  return createHash('md5')
    .update(`${keyTexts(table, key).join('/')}${ver}`)
    .digest('hex')
}

function range(from: number, to: number): number[] {
  return Array.from({ length: Math.max(0, to - from) }, (_, i) => from + i)
}
