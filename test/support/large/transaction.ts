import { createHash } from 'node:crypto'
import embedded from '../../../runtime/log/embedded.ts'
import { createLogger } from '../../../runtime/logger.ts'
import type { PostgresServer } from '../postgres.ts'
import type { Figures } from '../run-full.ts'
import { differences, sourceRows } from './digests.ts'
import { LargeDatabase } from './large-database.ts'
import { LargePipeline } from './large-pipeline.ts'
import { logRows, sinkRows, sqliteCount } from './readers.ts'

export interface TransactionDose {
  /** That stay. */
  readonly rows: number
  /** Length of the longest column, for some 275 bytes of cells in a row 150. */
  readonly pad: number
  /** Every part of the rows stands in a savepoint, and behind it a part that is rolled back. */
  readonly savepoints: boolean
  /** Rows that have a wide value, and are updated without it at the end of the same transaction. */
  readonly wide: number
  readonly seconds: number
  readonly sink: 'sqlite' | undefined
}

const COLUMNS = ['id', 'n', 'total', 'email', 'at', 'note'] as const
const PARTS = 20
/** Rows whose digest is compared as one. */
const BLOCK = 10_000

/**
 * One transaction of that many rows, streamed into the log with its index, and a sink; then a first load of the same rows into
 * another. Answers the peaks of memory in MB.
 */
export async function largeTransaction(server: PostgresServer, dose: TransactionDose, seed: number): Promise<Figures> {
  await using database = await LargeDatabase.make(server)
  await database.sql(`
    CREATE TABLE rows (id bigint PRIMARY KEY, n int NOT NULL, total numeric(12,2) NOT NULL, email text NOT NULL,
      at timestamptz NOT NULL, note text NOT NULL);
    CREATE TABLE wide (id bigint PRIMARY KEY, n int NOT NULL, body text NOT NULL);
    ALTER TABLE wide ALTER body SET STORAGE EXTERNAL`)
  const options = { database: database.name, tables: ['public.rows', 'public.wide'], sink: dose.sink, redis: undefined }
  let streamed: Figures
  {
    await using pipeline = await LargePipeline.start(server, options)
    await pipeline.caughtUp(60)
    pipeline.memory.begin()
    const began = performance.now()
    await database.sql(transactionSql(dose, seed))
    const committed = performance.now()
    await pipeline.caughtUp(dose.seconds)
    const { peakMb, rate } = pipeline.memory.get()
    const silence = await pipeline.watch.demandOne()
    streamed = {
      'stream, MB': Math.round(peakMb),
      'commit after, s': Math.round((committed - began) / 1000),
      'applied after, s': Math.round((performance.now() - committed) / 1000),
      'memory sampled, Hz': Math.round(rate),
      'longest silence, ms': silence,
    }
    await pipeline.end()
    await compare(database, pipeline.folder, dose)
  }
  await using pipeline = await LargePipeline.start(server, options)
  await pipeline.caughtUp(dose.seconds)
  const { peakMb } = pipeline.memory.get()
  await pipeline.watch.demandOne()
  await pipeline.end()
  await compare(database, pipeline.folder, dose)
  return { ...streamed, 'first load, MB': Math.round(peakMb) }
}

function transactionSql({ rows, pad, savepoints, wide }: TransactionDose, seed: number): string {
  const size = Math.ceil(rows / PARTS)
  const insert = `INSERT INTO rows SELECT i, i % 1000, (i * 7919::bigint % 10000000) / 100.0, 'customer' || i % 50000 || '@example.org',
      timestamptz '2026-01-01 00:00:00+00' + i * interval '1.000001 s', rpad(md5((i + ${seed})::text), ${pad}, 'along the weir ')
    FROM generate_series(part * ${size} + 1, least((part + 1) * ${size}, ${rows})) AS i`
  const rolledBack = `BEGIN
      INSERT INTO rows SELECT -i::bigint, 0, 0, 'nobody', now(), 'rolled back' FROM generate_series(1, ${Math.ceil(size / 4)}) AS i;
      RAISE EXCEPTION 'back';
    EXCEPTION WHEN raise_exception THEN NULL; END;`
  return `DO $$ BEGIN
    INSERT INTO wide SELECT i, 0, (SELECT string_agg(md5((i * 1000 + piece)::text), '') FROM generate_series(1, 200) AS piece)
      FROM generate_series(1, ${wide}) AS i;
    FOR part IN 0 .. ${PARTS - 1} LOOP
      ${savepoints ? `BEGIN ${insert}; EXCEPTION WHEN raise_exception THEN NULL; END; ${rolledBack}` : `${insert};`}
    END LOOP;
    UPDATE wide SET n = n + 1;
  END $$`
}

async function compare(database: LargeDatabase, folder: string, dose: TransactionDose): Promise<void> {
  if (dose.sink !== undefined) {
    const found = sqliteCount(folder, 'public_rows')
    if (found !== dose.rows) throw new Error(`the sink has ${found} rows of ${dose.rows}`)
  }
  const [expected, found] = [await sourceBlocks(database), await logBlocks(folder)]
  const different = [...expected].filter(([block, digest]) => found.get(block) !== digest).map(([block]) => block)
  if (different.length > 0 || found.size !== expected.size)
    throw new Error(`rows of ${different.length} blocks of ${expected.size} differ, as from ${different[0]}`)
  if (dose.wide === 0) return
  const wide = { name: 'wide', columns: ['n', 'body'], bytes: new Set<string>() }
  const rows = await sourceRows(database.server, database.name, wide)
  const wrong = differences(rows, await logRows(folder, wide))
  if (dose.sink !== undefined) wrong.push(...differences(rows, await sinkRows(dose.sink, folder, undefined, wide)))
  if (wrong.length > 0) throw new Error(wrong.slice(0, 10).join('\n'))
}

/** By block of ids: MD5 of the rows' texts. */
async function sourceBlocks({ server, name }: LargeDatabase): Promise<Map<number, string>> {
  const client = await server.connect(name)
  try {
    await client.query("SET timezone = 'UTC'")
    const text = `concat_ws(E'\\t', ${COLUMNS.join(', ')}) || E'\\n'`
    const { rows } = await client.query<{ block: string; digest: string }>(
      `SELECT id / ${BLOCK} AS block, md5(string_agg(${text}, '' ORDER BY id)) AS digest FROM rows GROUP BY 1`,
    )
    return new Map(rows.map(({ block, digest }) => [Number(block), digest]))
  } finally {
    await client.end()
  }
}

/** The same of the log, which must hold each row once. Loads by several connections bring the blocks out of order. */
async function logBlocks(folder: string): Promise<Map<number, string>> {
  const context = { pipeline: 'x', name: 'app', logger: createLogger('error'), folder: `${folder}/data/app` }
  await using log = await embedded.inspect!(embedded.config.parse({ path: `${folder}/data` }), context)
  const blocks = new Map<number, Block>()
  const end = log.end()!
  for await (const batch of log.read('start', ({ table }) => table === 'rows', new AbortController().signal)) {
    for (const change of batch) {
      if (change.kind === 's') continue
      const texts = COLUMNS.map((_, i) => change.text(i))
      const id = Number(texts[0])
      const number = Math.floor(id / BLOCK)
      let block = blocks.get(number)
      if (block === undefined) {
        block = new Block()
        blocks.set(number, block)
      }
      block.add(id, `${texts.join('\t')}\n`)
    }
    if (log.compare(batch.cursor, end) !== 'before') break
  }
  return new Map([...blocks].map(([number, block]) => [number, block.digest()]))
}

/** Rows in the order of their ids, whatever the order they come in. */
class Block {
  #rows: [number, string][] | undefined = []
  #digest = ''

  add(id: number, text: string): void {
    if (this.#rows === undefined) {
      this.#digest = 'more rows than there are ids'
      return
    }
    this.#rows.push([id, text])
    if (this.#rows.length === BLOCK) this.#digest = this.digest()
  }

  digest(): string {
    if (this.#rows === undefined) return this.#digest
    const hash = createHash('md5')
    for (const [, text] of this.#rows.sort(([a], [b]) => a - b)) hash.update(text)
    this.#rows = undefined
    return hash.digest('hex')
  }
}
