import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import type { LogBatch, Table } from '../../runtime/contract.ts'
import type { Random } from '../crash/random.ts'
import { queryFile } from './duckdb-client.ts'
import { expectedRows } from './scripted-log.ts'
import { killAfter, killScript } from './sink-kill.ts'

const BATCHES = 240

/**
 * Kills a process that writes the kill script into a DuckDB file, again and again, at random moments; the script begins
 * anew in another file when it is through. After each kill the file, read by DuckDB's own client, must hold exactly what
 * its cursor says. Answers how many kills met a process at work.
 */
export async function killWriters(times: number, mode: 'rows' | 'changes', random: Random): Promise<number> {
  const { batches, tables } = killScript(BATCHES)
  const folder = await mkdtemp(join(tmpdir(), 'tailrace-duckdb-kills-'))
  let file = 0
  try {
    for (let kills = 0; kills < times; ) {
      const path = join(folder, `${file}.duckdb`)
      const options = { path, mode }
      const child = { type: 'duckdb', options, crashPoint: 'duckdb.applied' }
      if (await killAfter({ ...child, length: BATCHES }, random.between(1, 40), random.between(0, 30))) kills++
      else file++
      if (!existsSync(path)) continue
      if (mode === 'rows') await demandRows(path, batches, tables)
      else await demandChanges(path, batches, tables)
    }
    return times
  } finally {
    await rm(folder, { recursive: true })
  }
}

/** The batches that the file's cursor stands behind. */
async function written(path: string, batches: readonly LogBatch[]): Promise<readonly LogBatch[]> {
  const own = await queryFile(path, "SELECT 1 FROM duckdb_tables() WHERE schema_name = '_tailrace'")
  if (own.length === 0) return []
  const [row] = await queryFile(path, 'SELECT cursor FROM _tailrace.cursors')
  return batches.slice(0, batches.findIndex(batch => batch.cursor === row?.cursor) + 1)
}

async function demandRows(path: string, batches: readonly LogBatch[], tables: readonly Table[]): Promise<void> {
  const done = await written(path, batches)
  if (done.length === 0) return
  for (const table of tables) {
    const found = await queryFile(path, `SELECT * FROM public.${table.table} ORDER BY id`)
    const wanted = [...expectedRows(done, table.name).values()].sort((a, b) => Number(a.id) - Number(b.id))
    if (
      !isDeepStrictEqual(
        found,
        wanted.map(row => ({ ...row })),
      )
    )
      throw new Error(`${table.name} is not what the cursor behind ${done.length} batches says`)
  }
}

async function demandChanges(path: string, batches: readonly LogBatch[], tables: readonly Table[]): Promise<void> {
  const done = await written(path, batches)
  if (done.length === 0) return
  for (const table of tables) {
    const found = await queryFile(path, `SELECT _version AS v, _kind AS k FROM public.${table.table} ORDER BY _version`)
    const wanted: { v: string; k: string }[] = []
    for (const batch of done)
      for (const { table: of, kind, version } of batch)
        if (of.name === table.name && kind !== 's') wanted.push({ v: String(version), k: kind })
    if (!isDeepStrictEqual(found, wanted))
      throw new Error(`the history of ${table.name} is not what the cursor behind ${done.length} batches says`)
  }
}
