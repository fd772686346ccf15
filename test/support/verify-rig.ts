/** A table that is written to, in a running pipeline with sinks in which rows are then falsified. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { loadConfig } from '../../config/load.ts'
import { createLogger } from '../../runtime/logger.ts'
import { runPipeline } from '../../runtime/pipeline/run.ts'
import type { Pipeline } from '../../runtime/pipeline.ts'
import type { TableReport, VerifyReport } from '../../runtime/verify-report.ts'
import { Random } from '../crash/random.ts'
import { FALSE_ROWS, type FalseRow, type SinkHand } from './false-rows.ts'
import type { PostgresServer } from './postgres.ts'
import { Told } from './two-sides.ts'

const TIMEOUT_MS = 600_000
const TICK_MS = 20
/** What becomes of a row; any other number: it is updated. */
const [DELETED, INSERTED] = [0, 1]
/** Each change is a transaction. */
const CHANGE = `
  CREATE PROCEDURE change(ids bigint[], choices int[], n bigint) LANGUAGE plpgsql AS $$
  BEGIN
    FOR i IN 1 .. array_length(ids, 1) LOOP
      IF choices[i] = ${DELETED} THEN DELETE FROM item WHERE id = ids[i];
      ELSIF choices[i] = ${INSERTED} THEN INSERT INTO item VALUES (ids[i], 'new ' || n + i, n + i, NULL);
      ELSE UPDATE item SET name = n + i || ' ', price = n + i + 0.000001 WHERE id = ids[i];
      END IF;
      COMMIT;
    END LOOP;
  END $$`
export const TABLE = 'app.public.item'

export interface VerifyRigOptions {
  readonly rows: number
  /** Updates a second; one in ten is of an insert or a delete. */
  readonly rate: number
  readonly seed: number
  /** Blocks of the configuration, by the name of the sink. */
  readonly sinks: Readonly<Record<string, string>>
}

export class VerifyRig implements AsyncDisposable {
  readonly pipeline: Pipeline
  readonly config: string
  readonly #folder: string
  readonly #writer: Writer

  private constructor(pipeline: Pipeline, folder: string, config: string, writer: Writer) {
    this.pipeline = pipeline
    this.#folder = folder
    this.config = config
    this.#writer = writer
  }

  /** `sinks` may name files relative to `folder`. Loaded, applied and under its writer when it resolves. */
  static async open(server: PostgresServer, { rows, rate, seed, sinks }: VerifyRigOptions): Promise<VerifyRig> {
    const url = await server.createDatabase()
    const database = new URL(url).pathname.slice(1)
    await server.sql(
      `CREATE TABLE item (id bigint PRIMARY KEY, name text, price numeric(20,6), note text);
       INSERT INTO item SELECT i, 'item ' || i, i * 1.000001, CASE WHEN i % 2 = 1 THEN '' END
       FROM generate_series(1, ${rows}) i; ANALYZE item; ${CHANGE}`,
      [],
      database,
    )
    const folder = await mkdtemp(join(tmpdir(), 'tailrace-verify-'))
    const config = join(folder, 'tailrace.yaml')
    const blocks = Object.entries(sinks).map(([name, block]) => `  ${name}:\n${block.replaceAll(/^/gm, '    ')}\n`)
    await writeFile(
      config,
      `pipeline: ${database}
log:
  path: ./data
sources:
  app:
    type: postgres
    url: ${url}
    tables: [public.item]
sinks:
${blocks.join('')}http: false
`,
    )
    const pipeline = await runPipeline(await loadConfig(config), createLogger('silent'))
    await pipeline.caughtUp(AbortSignal.timeout(TIMEOUT_MS))
    const writer = new Writer(await server.connect(database), rows, rate, seed)
    return new VerifyRig(pipeline, folder, config, writer)
  }

  path(name: string): string {
    return join(this.#folder, name)
  }

  /** Changes a second since the writer began. */
  get changeRate(): number {
    return this.#writer.changeRate
  }

  /**
   * Falsifies `count` rows of the sink, of every kind alike, which are not written to any more. Answers what a comparison
   * must name.
   */
  async falsify(hand: SinkHand, count: number): Promise<string[]> {
    const ids = await this.#writer.reserve(count)
    await this.pipeline.wait(undefined, AbortSignal.timeout(TIMEOUT_MS))
    const rows = ids.map((id, i): FalseRow => ({ id, kind: FALSE_ROWS[i % FALSE_ROWS.length]! }))
    await hand.falsify(rows)
    return rows
      .map(({ id, kind }) => [kind.kind, kind.kind === 'extra' ? -id : id, ...kind.columns].join(' '))
      .toSorted()
  }

  /** A hand that needs the target to itself. */
  whilePaused(sink: string, hand: SinkHand): SinkHand {
    return {
      falsify: async rows => {
        await this.pipeline.pause({ sink })
        await hand.falsify(rows)
        await this.pipeline.resume({ sink })
        await this.pipeline.wait([sink], AbortSignal.timeout(TIMEOUT_MS))
      },
    }
  }

  async verify(sink: string, fix = false): Promise<{ report: VerifyReport; item: TableReport; told: Told }> {
    const told = new Told()
    const report = await this.pipeline.verify({ sink, tables: undefined, fix }, told, AbortSignal.timeout(TIMEOUT_MS))
    return { report, item: report.tables[0]!, told }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#writer[Symbol.asyncDispose]()
    await this.pipeline.stop()
    await rm(this.#folder, { recursive: true, force: true })
  }
}

/** Writes to rows all over the table, but to no reserved one. */
class Writer implements AsyncDisposable {
  readonly #client: Awaited<ReturnType<PostgresServer['connect']>>
  readonly #random: Random
  readonly #rows: number
  readonly #rate: number
  readonly #deleted = new Set<number>()
  #reserved: ReadonlySet<number> = new Set()
  /** The change under way. */
  #changing: Promise<void> = Promise.resolve()
  readonly #ending = new AbortController()
  readonly #began = performance.now()
  readonly #work: Promise<void>
  #failure: unknown
  #changes = 0
  #next: number

  constructor(client: Awaited<ReturnType<PostgresServer['connect']>>, rows: number, rate: number, seed: number) {
    this.#client = client
    this.#rows = rows
    this.#rate = rate
    this.#random = new Random(seed)
    this.#next = 2 * rows
    this.#work = this.#write().catch(error => {
      this.#failure = error
    })
  }

  get changeRate(): number {
    if (this.#failure !== undefined) throw this.#failure
    return this.#changes / ((performance.now() - this.#began) / 1000)
  }

  /** Ids of rows that are there, odd and even, spread over the table: they stay as they are from then on. */
  async reserve(count: number): Promise<number[]> {
    const stride = Math.floor(this.#rows / (count + 1))
    const offset = this.#random.between(1, stride)
    const ids = Array.from({ length: count }, (_, i) => {
      let id = offset + i * stride
      while (this.#deleted.has(id)) id += 2
      return id
    })
    this.#reserved = new Set(ids)
    await this.#changing
    return ids
  }

  async #write(): Promise<void> {
    while (!this.#ending.signal.aborted) {
      const due = Math.ceil((this.#rate * (performance.now() - this.#began)) / 1000) - this.#changes
      // What a busy machine has missed is not made up for in one burst.
      this.#changing = this.#change(Math.min(due, this.#rate / 2))
      await this.#changing
      await setTimeout(TICK_MS)
    }
  }

  async #change(count: number): Promise<void> {
    const ids: number[] = []
    const choices: number[] = []
    while (ids.length < count) {
      const id = this.#random.between(1, this.#rows + 1)
      if (this.#reserved.has(id)) continue
      const choice = this.#random.between(0, 20)
      if (choice === DELETED) this.#deleted.add(id)
      ids.push(choice === INSERTED ? this.#next++ : id)
      choices.push(choice)
    }
    if (ids.length > 0) await this.#client.query('CALL change($1, $2, $3)', [ids, choices, this.#changes])
    this.#changes += ids.length
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ending.abort()
    await this.#work
    await this.#client.end()
    if (this.#failure !== undefined) throw this.#failure
  }
}
