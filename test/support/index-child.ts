/** Appends units to a log with an index until it is killed: `index-child.ts FOLDER`. Prints a line once it is open. */
import { ItemWriter, openIndexed } from './indexed-log.ts'

const signal = new AbortController().signal
const log = await openIndexed(process.argv[2]!)
const writer = new ItemWriter(log)
process.stdout.write('open\n')
for (let unit = 0; ; unit++)
  await log.append(
    writer.unit(Array.from({ length: 20 }, (_, i) => [String((unit * 7 + i) % 300), `${unit} ${i}`] as const)),
    signal,
  )
