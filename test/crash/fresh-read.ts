/** `wait`, then a read: what was committed before the call must be there. */
import { Agent, get } from 'node:http'
import { DatabaseSync } from 'node:sqlite'
import type pg from 'pg'
import { JsonlReader } from './jsonl-reader.ts'
import type { PipelineProcess } from './pipeline-process.ts'
import { keyTexts, updateRows } from './tables.ts'

/** Rows that the writer leaves alone. */
const FIRST_KEY = 700
const KEYS = 20
const FIRST_VERSION = 1_000_000_000

/** Writes a row, waits, reads it in both sinks. */
export class FreshReads implements AsyncDisposable {
  readonly #client: pg.Client
  readonly #pipeline: PipelineProcess
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 })
  readonly #database: DatabaseSync
  readonly #files: JsonlReader
  #version = FIRST_VERSION
  connections = 0

  constructor(client: pg.Client, pipeline: PipelineProcess) {
    this.#client = client
    this.#pipeline = pipeline
    const { sqlite, jsonl } = pipeline.site
    this.#database = new DatabaseSync(sqlite, { readOnly: true, timeout: 5000 })
    this.#files = new JsonlReader(jsonl, FIRST_KEY + KEYS)
  }

  /** Commits a new version of one of the rows. */
  async commit(): Promise<{ key: number; ver: number }> {
    const row = { key: FIRST_KEY + (this.#version % KEYS), ver: ++this.#version }
    const { rowCount } = await this.#client.query(updateRows('by_number', [row], 1))
    if (rowCount !== 1) throw new Error('the row to be read is not there')
    return row
  }

  /** Over HTTP, always on the same connection. Answers the milliseconds from commit to answer. */
  async waitOverHttp(): Promise<number> {
    const url = new URL('/wait?timeout=30', await this.#pipeline.url())
    const began = performance.now()
    const answer = await new Promise<string>((resolve, reject) => {
      const request = get(url, { agent: this.#agent }, response => {
        let said = ''
        response.setEncoding('utf8')
        response.on('data', data => {
          said += data
        })
        response.once('end', () => resolve(`${response.statusCode} ${said}`))
      })
      request.once('error', reject)
      request.once('finish', () => {
        if (!request.reusedSocket) this.connections++
      })
    })
    if (!answer.startsWith('200 ')) throw new Error(`wait answered ${answer}`)
    return performance.now() - began
  }

  /** Sinks that do not show this version. */
  stale({ key, ver }: { key: number; ver: number }): string[] {
    const [k] = keyTexts('by_number', key)
    const row = this.#database.prepare('SELECT ver FROM public_by_number WHERE k = ?').get(BigInt(k!))
    const stale = row?.ver === ver ? [] : [`rows shows ${row?.ver} instead of ${ver}`]
    this.#files.sample('by_number')
    const line = this.#files.row('by_number', key)
    return line?.ver === ver ? stale : [...stale, `files shows ${line?.ver} instead of ${ver}`]
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#agent.destroy()
    this.#database.close()
    await this.#client.end()
  }
}

/** The value below which this share of the sorted values lies. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * share) - 1)]!
}
