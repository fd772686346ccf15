/**
 * 500 rows of a million falsified in the sink, while the source is written to: all of them named and none beside them, and
 * mended, in run after run; at last a comparison finds nothing. Arguments: `sink=sqlite|redis|duckdb rows=N runs=N rate=N`, a seed.
 */
import { seedFrom } from '../crash/random.ts'
import { DuckdbHand, RedisHand, type SinkHand, SqliteHand } from '../support/false-rows.ts'
import { startPostgres } from '../support/postgres.ts'
import { startRedis } from '../support/redis.ts'
import type { Figures } from '../support/run-full.ts'
import { VerifyRig } from '../support/verify-rig.ts'

const FALSE = 500
const SINK = 'sink'

export default async function verify(args: readonly string[]): Promise<Figures> {
  const given = new Map(args.flatMap(arg => (arg.includes('=') ? [arg.split('=') as [string, string]] : [])))
  const seed = seedFrom(args.filter(arg => !arg.includes('=')))
  const type = given.get('sink') ?? 'sqlite'
  const [rows, runs, rate] = [given.get('rows') ?? 1_000_000, given.get('runs') ?? 20, given.get('rate') ?? 500].map(
    Number,
  )
  console.log(`seed: ${seed}`)
  await using stack = new AsyncDisposableStack()
  const redis = type === 'redis' ? stack.use(await startRedis()) : undefined
  const server = stack.use(await startPostgres())
  const place = redis === undefined ? `path: ./${SINK}.db` : `url: ${redis.url()}`
  const sinks = { [SINK]: `type: ${type}\n${place}` }
  const rig = stack.use(await VerifyRig.open(server, { rows: rows!, rate: rate!, seed, sinks }))
  const path = rig.path(`${SINK}.db`)
  const hand =
    redis !== undefined
      ? new RedisHand(redis)
      : type === 'duckdb'
        ? rig.whilePaused(SINK, new DuckdbHand(path))
        : new SqliteHand(path)

  const total = { named: 0, unnamed: 0, false: 0, unsettled: 0, seconds: 0 }
  for (let run = 1; run <= runs!; run++) {
    const { report, lines, missed, wrong } = await once(rig, hand)
    total.named += lines
    total.unnamed += missed.length
    total.false += wrong.length
    total.unsettled += report.tables[0]!.unsettled
    total.seconds += report.seconds
    const { compared, unsettled } = report.tables[0]!
    console.log(
      `run ${run}: ${compared} rows in ${report.seconds} s, ${lines} named, ${missed.length} not, ${wrong.length} false, ${unsettled} unsettled, ${Math.round(rig.changeRate)} changes/s`,
    )
    if (missed.length > 0 || wrong.length > 0)
      throw new Error(`not named: ${missed.slice(0, 10).join('; ')}; false: ${wrong.slice(0, 10).join('; ')}`)
    if (!report.equal) throw new Error('--fix did not mend all of them')
  }
  const last = await rig.verify(SINK)
  if (!last.report.equal) throw new Error(`after --fix there are ${last.told.lines.slice(0, 10).join('; ')}`)
  return {
    seed,
    sink: type,
    rows: rows!,
    runs: runs!,
    named: total.named,
    'not named': total.unnamed,
    'named and not false': total.false,
    unsettled: total.unsettled,
    'changes/s': Math.round(rig.changeRate),
    'rows/s compared': Math.round((runs! * rows!) / total.seconds),
  }
}

async function once(rig: VerifyRig, hand: SinkHand) {
  const expected = new Set(await rig.falsify(hand, FALSE))
  const { report, told } = await rig.verify(SINK, true)
  const lines = told.lines
  const missed = [...expected].filter(line => !lines.includes(line))
  const wrong = lines.filter(line => !expected.has(line))
  return { report, lines: lines.length, missed, wrong }
}
