/**
 * Writes 90 items to a log with an index, lets a pass see the first 60 in two chunks, says so on standard output and
 * waits to be killed: `pass-child.ts FOLDER`.
 */
import { ITEMS, ItemWriter, loadChunk, openIndexed } from './indexed-log.ts'

const signal = new AbortController().signal
const log = await openIndexed(process.argv[2]!)
const rows = Array.from({ length: 90 }, (_, i) => [String(i + 10), `item ${i}`] as const)
await log.append(new ItemWriter(log).unit(rows), signal)
await log.passes!.begin(ITEMS, 'before the kill')
for (const from of [0, 30]) await log.states!(loadChunk(log, rows.slice(from, from + 30)), 'before the kill')
process.stdout.write('seen\n')
setInterval(() => {}, 1000)
