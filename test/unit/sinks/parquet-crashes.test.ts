import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from '@jest/globals'
import type { LogBatch } from '../../../runtime/contract.ts'
import { keyTexts } from '../../../runtime/record/key.ts'
import { isRowChange } from '../../../runtime/record/row-change.ts'
import parquet from '../../../sinks/parquet.ts'
import { parquetFiles, queryTable, readManifest } from '../../support/parquet-files.ts'
import { follow } from '../../support/sink-driver.ts'
import { crashAt, killAfter, killScript } from '../../support/sink-kill.ts'
import { LOG_ID, never, sinkContext } from '../../support/sink-rig.ts'

const BATCHES = 400
const POINTS = ['duckdb.applied', 'parquet.sealed', 'parquet.written', 'parquet.put', 'parquet.switched']

/** What the log says of a table, as a reader of the changes finds it: `version kind id body`. */
function changesOf(batches: readonly LogBatch[], name: string): string[] {
  const found: string[] = []
  for (const batch of batches)
    for (const change of batch) {
      if (change.table.name !== name || change.kind === 's') continue
      const isRow = isRowChange(change) && change.kind !== 'd'
      found.push([change.version, change.kind, isRow ? change.text(1) : null, isRow ? change.text(2) : null].join(' '))
    }
  return found
}

async function inFolder(work: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'tailrace-parquet-'))
  try {
    await work(folder)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

describe.each(['changes', 'rows'] as const)('parquet files after their writer was killed, mode: %s', mode => {
  it('are once what the log says, wherever it was killed, and no file lies beside those listed', async () => {
    await inFolder(async folder => {
      const options = { path: folder, mode, file: { rows: 60, wait: '1ms' }, snapshotEvery: '1ms', keepReplaced: '0ms' }
      const script = killScript(BATCHES)
      for (const point of POINTS)
        for (const pass of [1, 2]) {
          const child = { type: 'parquet', options, crashPoint: point, length: BATCHES }
          expect([point, pass, await crashAt(child, point, pass)]).toEqual([point, pass, true])
          await killAfter(child, 2, 3)
        }
      const target = await parquet.open(parquet.config.parse(options), sinkContext())
      const sink = await target.sink({ name: 'app', logId: LOG_ID }, never)
      const reads = mode === 'changes' ? 'history' : 'state'
      await follow(sink, script.batches, undefined, reads)
      await target[Symbol.asyncDispose]()
      const manifest = await readManifest(folder)
      expect(manifest.sources.app!.cursor).toBe(script.batches.at(-1)!.cursor)
      for (const { name } of script.tables) {
        if (mode === 'changes') {
          const sql =
            "SELECT concat_ws(' ', _version, _kind, coalesce(version::VARCHAR, ''), coalesce(body, '')) AS row FROM t"
          const rows = await queryTable(folder, name, `${sql} ORDER BY _version`)
          expect(rows.map(({ row }) => row)).toEqual(changesOf(script.batches, name))
        } else {
          const rows = await queryTable(folder, name, 'SELECT id, version FROM t ORDER BY id')
          expect(rows.map(({ id, version }) => `${id} ${version}`)).toEqual(currentOf(script.batches, name))
        }
      }
      const listed = [...Object.values(manifest.tables).flatMap(({ files }) => files), ...manifest.replaced]
      expect(await parquetFiles(folder)).toEqual(listed.map(({ path }) => path).sort())
    })
  }, 120_000)
})

/** `id version` of the rows that are there in the end, by id. */
function currentOf(batches: readonly LogBatch[], name: string): string[] {
  const rows = new Map<number, string>()
  for (const batch of batches)
    for (const change of batch) {
      if (change.table.name !== name) continue
      if (change.kind === 't') rows.clear()
      else if (change.kind === 'd') rows.delete(Number(keyTexts(change.key)[0]))
      else if (isRowChange(change)) rows.set(Number(change.text(0)), String(change.text(1)))
    }
  return [...rows].sort(([a], [b]) => a - b).map(row => row.join(' '))
}
