import { abortable } from '../abort.ts'
import { boardFoot } from './board.ts'
import { type CrashReport, crashPipeline } from './crash.ts'
import { countTransactions, type LoggedTransactions } from './exactly-once.ts'
import { firstLoad } from './first-load.ts'
import { watchLag } from './live.ts'
import { type QueryReport, queryStep, type SearchReport, searchStep } from './lookups.ts'
import { type Proof, proveEqual, showProof } from './proof.ts'
import { aligned, count } from './screen.ts'
import { SHOP_TABLES, type ShopSize, shopSize } from './shop.ts'
import { chooseSinks, type DemoSinks, type Neighbours } from './sinks/choose.ts'
import type { DemoSink } from './sinks/sink.ts'
import type { Stage } from './stage.ts'
import type { Workspace } from './workspace.ts'

/** The demo from start to comparison: a shop in a database, its changes in every kind of sink. */

export interface DemoOptions {
  /** Of the shop at first, about. */
  readonly rows: number
  /** How long the shop has customers. */
  readonly seconds: number
  /** Changes the sinks before they are compared. */
  readonly tamper: boolean
  readonly neighbours: Neighbours
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
  readonly search: SearchReport
  /** Null without a warehouse. */
  readonly query: QueryReport | null
  readonly proof: Proof
}

/** What is left when the comparison is over; the pipeline is stopped. */
export interface DemoEnd {
  readonly report: DemoReport
  readonly url: string
  readonly size: ShopSize
  readonly workspace: Workspace
  readonly sinks: readonly DemoSink[]
}

export async function runDemo(stage: Stage, options: DemoOptions): Promise<DemoEnd> {
  const { screen, signal, database } = stage
  screen.title(`Tailrace demo: a shop in ${database.name}, its changes in search, cache, warehouse and files`)

  screen.step(`A ${database.name} of its own`)
  const url = await stage.startServer()
  const client = await stage.connect(url)
  const version = await database.version(client)
  screen.done(`${version} at ${new URL(url).host}, fsync on, in a temporary folder`)

  screen.step('The shop')
  const size = shopSize(options.rows)
  const filled = await abortable(database.fillShop(client, size), signal)
  screen.done(`${count(filled)} rows in ${SHOP_TABLES.join(', ')}`)

  const workspace = await stage.createWorkspace()
  const sinks = await sinksStep(stage, workspace, options.neighbours)
  const { all } = sinks
  await workspace.configure(database.type, url, sinks.pipeline, all)
  if (sinks.cache?.isShared === true) workspace.removeAtEnd(sinks.cache.name, sinks.cache.keys)
  if (sinks.engine !== undefined) workspace.removeAtEnd(sinks.engine.name, sinks.engine.keys)

  screen.step('The pipeline: tailrace run')
  screen.line(`configuration ${workspace.config}`)
  const pipeline = await stage.startPipeline(workspace)
  const loadSeconds = await firstLoad(stage, pipeline, all, filled)
  const cursor = (await pipeline.status(signal)).sources.app?.log.end ?? 'start'

  screen.step(`${options.seconds} seconds of customers, and a crash: the lag of each sink`)
  const traffic = stage.startTraffic(url, size)
  const crashing = crashPipeline(stage, workspace, options.seconds / 2)
  const watching = { screen, traffic, sinks: all, seconds: options.seconds, beside: crashing }
  const [worstLag, crash] = await Promise.all([watchLag({ ...watching, pipeline: stage.pipeline, signal }), crashing])
  await traffic.stop()
  if (!screen.redraws) screen.line(boardFoot(worstLag))
  screen.done(`${count(traffic.committed)} transactions committed, ${count(traffic.rolledBack)} rolled back`)

  const search = await searchStep(stage, sinks, client)
  const committed = traffic.changing + 1
  const logged = await countStep(stage, cursor, committed)
  await stage.stopPipeline()
  const query = sinks.warehouse === undefined ? null : await queryStep(stage, sinks.warehouse)
  if (options.tamper) await tamperStep(stage, all)

  screen.step('Every column of every row, compared by key')
  const source = await abortable(database.readRows(url), signal)
  const proof = await abortable(proveEqual(source, all), signal)
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
    search,
    query,
    proof,
  }
  return { report, url, size, workspace, sinks: all }
}

async function sinksStep(stage: Stage, workspace: Workspace, neighbours: Neighbours): Promise<DemoSinks> {
  const { screen } = stage
  screen.step('The sinks')
  const sinks = await chooseSinks(stage, workspace, neighbours)
  const lines = [
    ...sinks.all.flatMap(({ name, about }) => about.map((text, i) => [i === 0 ? name : '', text])),
    ...sinks.missing,
  ]
  for (const line of aligned(lines, new Set())) screen.line(line)
  return sinks
}

/** The log against what the database told its clients: every transaction once, in one piece, also over the crash. */
async function countStep(
  { screen, signal, pipeline, database }: Stage,
  cursor: string,
  committed: number,
): Promise<LoggedTransactions> {
  screen.step('Every transaction, counted in the log')
  const logged = await countTransactions(await pipeline()!.changes(cursor, signal))
  const lost = committed - logged.transactions
  screen.line(
    `${`committed at ${database.name}`.padEnd(25)} ${count(committed).padStart(9)} transactions that changed rows`,
  )
  screen.line(
    `held by the log           ${count(logged.transactions).padStart(9)} with ${count(logged.changes)} changes`,
  )
  screen.done(`${count(lost)} lost, ${count(logged.repeated)} changes repeated`)
  return logged
}

async function tamperStep({ screen }: Stage, sinks: readonly DemoSink[]): Promise<void> {
  screen.step('Tampering, behind the back of the pipeline')
  for (const sink of sinks) await sink.tamper()
  screen.done('in each sink one customer changed, one removed, one added')
}

function verdict({ style }: Stage['screen'], { equal, position }: Proof): string {
  const place = `at ${position}, after wait`
  return equal ? `${style(['bold', 'green'], 'All equal')} ${place}` : `${style(['bold', 'red'], 'Not equal')} ${place}`
}
