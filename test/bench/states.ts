/**
 * What a log says of the keys of a load, per second: chunks of 20,000 rows of about 100 bytes against an index of
 * `--rows N` (1000000), whose keys are the even numbers. `--chunks N` (10) of each sort.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import type { Batch, Position, SourceLog } from '../../runtime/contract.ts'
import { BatchWriter } from '../../runtime/record/writer.ts'
import { ITEMS, openIndexed } from '../support/indexed-log.ts'
import { tuple } from '../support/records.ts'
import { type BenchResult, median, note } from './support/result.ts'

const CHUNK = 20_000
const TEXT = 'Left at the back door, behind the green bins; ring twice and wait. '
const signal = new AbortController().signal

export default async function states(args: readonly string[]): Promise<BenchResult> {
  const { values } = parseArgs({
    args: [...args],
    options: { rows: { type: 'string', default: '1000000' }, chunks: { type: 'string', default: '10' } },
  })
  const rows = Number(values.rows)
  const chunks = Number(values.chunks)
  const folder = await mkdtemp(join(tmpdir(), 'tailrace-bench-'))
  try {
    await using log = await openIndexed(folder)
    note(`writing ${rows} rows`)
    for (let from = 0; from < rows; from += CHUNK)
      await log.append(
        rowsOf(log, CHUNK, i => 2 * (from + i)),
        signal,
      )
    await log.newest!(ITEMS, tuple('0').bytes)
    const span = Math.floor(rows / chunks)
    const random = (): number => Math.floor(Math.random() * rows)
    const sorts: Record<string, (chunk: number, i: number) => number> = {
      'missing, in order': (chunk, i) => 2 * (chunk * span + i) + 1,
      'missing, behind all': (chunk, i) => 2 * (rows + chunk * CHUNK + i),
      'missing, random': () => 2 * random() + 1,
      'present, in order': (chunk, i) => 2 * (chunk * span + i),
      'present, random': () => 2 * random(),
    }
    const medians: Record<string, number> = {}
    for (const pass of [undefined, 'pass']) {
      if (pass !== undefined) await log.passes!.begin(ITEMS, pass)
      for (const [name, keyOf] of Object.entries(sorts)) {
        const rates: number[] = []
        for (let chunk = 0; chunk < chunks; chunk++) {
          const batch = rowsOf(log, CHUNK, i => keyOf(chunk, i))
          const start = performance.now()
          const told = await log.states!(batch, pass)
          rates.push((CHUNK / (performance.now() - start)) * 1000)
          const wanted = name.startsWith('missing') ? 'none' : 'same'
          for (let i = 0; i < CHUNK; i++) if (told.state(i) !== wanted) throw new Error(`${name}: ${told.state(i)}`)
        }
        medians[`${name}${pass === undefined ? '' : ', noted'}, keys/s`] = Math.round(median(rates))
      }
    }
    await seeAll(log, rows)
    const start = performance.now()
    const unseen = await log.passes!.unseen(ITEMS, 'all', undefined, 1000)
    if (unseen.length > 0) throw new Error(`${unseen.length} keys were not seen`)
    medians['unseen, nothing found, keys/s'] = Math.round((rows / (performance.now() - start)) * 1000)
    return { ratios: {}, medians }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

async function seeAll(log: SourceLog, rows: number): Promise<void> {
  await log.passes!.begin(ITEMS, 'all')
  for (let from = 0; from < rows; from += CHUNK)
    await log.states!(
      rowsOf(log, CHUNK, i => 2 * (from + i)),
      'all',
    )
}

function rowsOf(log: SourceLog, count: number, keyOf: (i: number) => number): Batch {
  const writer = new BatchWriter([...log.tables().values()])
  if (log.tables().size === 0) writer.announce(ITEMS)
  const position = '1' as Position
  writer.begin('4711', position, 1n)
  for (let i = 0; i < count; i++) {
    const key = keyOf(i)
    writer.row('c', ITEMS, tuple(String(key), `${key} ${TEXT}`))
  }
  writer.commit()
  return writer.take({ lane: 'stream', position })
}
