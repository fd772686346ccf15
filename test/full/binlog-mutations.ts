import { Random, seedFrom } from '../crash/random.ts'
import { mutateEvents } from '../support/mysql/binlog-mutations.ts'
import type { FullRun } from '../support/run-full.ts'

const EVENTS = 1_000_000
const MOST_MEMORY = 64 * 1024 * 1024
/** Until here the reader is compiled and memory is what it stays. */
const WARM = 20_000

/**
 * A million events of real binary logs, each changed by chance and with its checksum mended, into the decoder: a typed
 * error, or the event read to its end; never beyond it, nor in more than 64 MB. `--seed N` repeats a run, `--events N`
 * makes it another size.
 */
const run: FullRun = async args => {
  const seed = seedFrom(args)
  console.log(`seed: ${seed}`)
  const random = new Random(seed)
  const at = args.indexOf('--events')
  await mutateEvents(random, WARM)
  const before = process.resourceUsage().maxRSS
  const figures = await mutateEvents(random, at === -1 ? EVENTS : Number(args[at + 1]))
  const grown = (process.resourceUsage().maxRSS - before) * 1024
  if (grown > MOST_MEMORY) throw new Error(`memory has grown by ${grown} bytes`)
  return { seed, ...figures, 'memory grown by, MB': Math.round(grown / 1024 / 1024) }
}

export default run
