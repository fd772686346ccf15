import { abortable, sleep } from '../abort.ts'
import { type CrashReport, crashPipeline } from './crash.ts'
import { countTransactions, type LoggedTransactions } from './exactly-once.ts'
import { watchLag } from './live.ts'
import type { PipelineProcess } from './pipeline-process.ts'
import { type Proof, proveEqual, showProof } from './proof.ts'
import { aligned, count, seconds } from './screen.ts'
import { type Hit, search } from './search.ts'
import { fillShop, SHOP_TABLES } from './shop.ts'
import { readSource } from './source-rows.ts'
import type { Stage } from './stage.ts'
import { tamperJsonl, tamperSqlite } from './tamper.ts'
import type { Workspace } from './workspace.ts'

/** The demo from start to comparison: a shop in PostgreSQL, its changes in a search index and in files. */

export interface DemoOptions {
  /** How long the shop has customers. */
  readonly seconds: number
  /** Changes the sinks before they are compared. */
  readonly tamper: boolean
}

export interface DemoReport {
  readonly equal: boolean
  readonly tampered: boolean
  readonly rows: number
  readonly loadSeconds: number
  readonly traffic: { readonly seconds: number; readonly committed: number; readonly rolledBack: number }
  /** Greatest lag seen, in seconds, by sink. */
  readonly worstLag: Readonly<Record<string, number>>
  readonly crash: CrashReport
  /** Transactions that the source committed and that changed rows, and what the log holds of them. */
  readonly committed: number
  readonly logged: LoggedTransactions
  readonly search: { readonly milliseconds: number; readonly hits: readonly Hit[] }
  readonly proof: Proof
}

/** What still stands when the comparison is over. */
export interface DemoEnd {
  readonly report: DemoReport
  readonly url: string
  readonly workspace: Workspace
}

const LOOK_MS = 200

export async function runDemo(stage: Stage, options: DemoOptions): Promise<DemoEnd> {
  const { screen, signal } = stage
  screen.title('Tailrace demo: a shop in PostgreSQL, its changes in a search index and in files')

  screen.step('A PostgreSQL of its own')
  const url = await stage.startServer()
  const client = await stage.connect(url)
  const { rows } = await client.query<{ server_version: string }>('show server_version')
  screen.done(`${rows[0]!.server_version.split(' ')[0]} at ${new URL(url).host}, fsync on, in a temporary folder`)

  screen.step('The shop')
  const filled = await abortable(fillShop(client), signal)
  screen.done(`${count(filled)} rows in ${SHOP_TABLES.join(', ')}`)

  screen.step('The pipeline: tailrace run')
  const workspace = await stage.createWorkspace(url)
  screen.line(`configuration ${workspace.config}`)
  const pipeline = await stage.startPipeline(workspace)
  const loadSeconds = await firstLoad(stage, pipeline, filled)
  const cursor = (await pipeline.status(signal)).sources.app?.log.end ?? 'start'

  screen.step(`${options.seconds} seconds of customers, and a crash`)
  const traffic = stage.startTraffic(url)
  const [worstLag, crash] = await Promise.all([
    watchLag({ screen, traffic, seconds: options.seconds, pipeline: stage.pipeline, signal }),
    crashPipeline(stage, workspace, options.seconds / 2),
  ])
  await traffic.stop()
  const lags = [...worstLag].map(([name, lag]) => `${name} ${seconds(lag)}`)
  screen.line(`greatest lag seen, the crash included: ${lags.join(', ')}`)
  screen.done(`${count(traffic.committed)} transactions committed, ${count(traffic.rolledBack)} rolled back`)

  const found = await searchStep(stage, workspace, client)
  const committed = traffic.changing + 1
  const logged = await countStep(stage, cursor, committed)
  if (options.tamper) await tamperStep(stage, workspace)

  screen.step('Every column of every row, compared by key')
  const source = await abortable(readSource(url), signal)
  const proof = await abortable(proveEqual(source, workspace), signal)
  showProof(screen, proof)
  const equal = proof.equal && logged.transactions === committed && logged.repeated === 0
  screen.done(verdict(screen, proof))
  const report = {
    equal,
    tampered: options.tamper,
    rows: filled,
    loadSeconds,
    traffic: { seconds: options.seconds, committed: traffic.committed, rolledBack: traffic.rolledBack },
    worstLag: Object.fromEntries(worstLag),
    crash,
    committed,
    logged,
    search: found,
    proof,
  }
  return { report, url, workspace }
}

/** Shows how far the first load is until both sinks hold it. Answers its seconds. */
async function firstLoad({ screen, signal }: Stage, pipeline: PipelineProcess, total: number): Promise<number> {
  const began = performance.now()
  let done = false
  const loaded = pipeline.wait(signal).finally(() => {
    done = true
  })
  loaded.catch(() => {})
  while (!done) {
    const { sources, sinks } = await pipeline.status(signal)
    const places = [
      ['log', sources.app?.progress?.rows ?? (sources.app?.phase === 'loading' ? 0 : total)] as const,
      ...Object.entries(sinks).map(([name, { applied }]) => [name, applied] as const),
    ]
    const texts = places.map(([name, rows]) => `${name} ${count(Math.min(rows, total)).padStart(7)}`)
    if (screen.redraws) screen.draw([`first load of ${count(total)} rows:   ${texts.join('   ')}`])
    await Promise.race([loaded, sleep(LOOK_MS, signal)])
  }
  await loaded
  const took = (performance.now() - began) / 1000
  screen.done(`${count(total)} rows into log, search index and files in ${seconds(took)}`)
  return took
}

const WORDS = 'copper AND (kettle OR teapot)'

/** A product that is new a moment ago is found among the thousands. */
async function searchStep(
  { screen, signal, pipeline }: Stage,
  workspace: Workspace,
  client: { query(text: string): Promise<unknown> },
): Promise<DemoReport['search']> {
  screen.step(`Full-text search: ${WORDS}`)
  const began = performance.now()
  await client.query(
    `insert into products values ('SKU-NEW', 'Copper Kettle, Copper Teapot', 'A pair of copper, added a moment ago.',
       129.00, 1, 2.5, '{"colour": 3}', null, clock_timestamp())`,
  )
  await pipeline()!.wait(signal)
  const hits = search(workspace.search, WORDS)
  const milliseconds = Math.round(performance.now() - began)
  const lines = hits.map(({ sku, price, score, snippet }) => [sku, price, score.toFixed(2), snippet])
  for (const line of aligned([['product', 'price', 'bm25', ''], ...lines], new Set([1, 2])))
    screen.line(line.replaceAll(/\[.*?\]/g, word => screen.style('yellow', word)))
  screen.done(`SKU-NEW was committed, waited for and found within ${milliseconds} ms`)
  return { milliseconds, hits }
}

/** The log against what PostgreSQL told its clients: every transaction once, in one piece, also over the crash. */
async function countStep(
  { screen, signal, pipeline }: Stage,
  cursor: string,
  committed: number,
): Promise<LoggedTransactions> {
  screen.step('Every transaction, counted in the log')
  const logged = await countTransactions(await pipeline()!.changes(cursor, signal))
  const lost = committed - logged.transactions
  screen.line(`committed at PostgreSQL   ${count(committed).padStart(9)} transactions that changed rows`)
  screen.line(
    `held by the log           ${count(logged.transactions).padStart(9)} with ${count(logged.changes)} changes`,
  )
  screen.done(`${count(lost)} lost, ${count(logged.repeated)} changes repeated`)
  return logged
}

async function tamperStep(stage: Stage, workspace: Workspace): Promise<void> {
  const { screen } = stage
  screen.step('Tampering, behind the back of the pipeline')
  await stage.stopPipeline()
  tamperSqlite(workspace.search)
  await tamperJsonl(workspace.files)
  screen.done('in each sink one customer changed, one removed, one added')
}

function verdict({ style }: Stage['screen'], { equal, position }: Proof): string {
  const place = `at ${position}, after wait`
  return equal ? `${style(['bold', 'green'], 'All equal')} ${place}` : `${style(['bold', 'red'], 'Not equal')} ${place}`
}
