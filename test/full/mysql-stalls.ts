/**
 * The longest that one of 500 writes a second waits while a table of a million rows is loaded for the first time, and
 * read again beside the stream: on MySQL with and without GTIDs and on MariaDB, beside the same writes alone. At most
 * 200 ms. `--rows N`, `--rate N`, `--server NAME`.
 */
import { setTimeout } from 'node:timers/promises'
import { DATABASE, MysqlGround } from '../crash/mysql-ground.ts'
import { PipelineProcess } from '../crash/pipeline-process.ts'
import { fullServers, numberOf } from '../support/mysql/full-servers.ts'
import { PacedWrites } from '../support/mysql/paced-writes.ts'
import { startMysql } from '../support/mysql/server.ts'
import type { Figures } from '../support/run-full.ts'
import { runVerb } from '../support/run-verb.ts'

const LONGEST_MS = 200
const ALONE_MS = 10_000
const LOAD_SECONDS = 900
const CONNECTIONS = 8

export default async function mysqlStalls(args: readonly string[]): Promise<Figures> {
  const [rows, rate] = [numberOf(args, 'rows', 1_000_000), numberOf(args, 'rate', 500)]
  const result: Record<string, number> = {}
  for (const { name, flavor, options } of fullServers(args)) {
    await using server = await startMysql({ flavor, options: ['--innodb-buffer-pool-size=512M', ...options] })
    await using ground = await MysqlGround.make(server, rows)
    await using writes = await PacedWrites.start(server, {
      database: DATABASE,
      statement: () => `UPDATE by_number SET ver = ver + 1 WHERE k = ${Math.floor(Math.random() * rows)}`,
      rate,
      connections: CONNECTIONS,
    })
    const measure = async (what: string, use: () => Promise<unknown>): Promise<number> => {
      const { slowestMs, rate } = await writes.during(use)
      result[`${name}, ${what}: longest, ms`] = Math.round(slowestMs)
      result[`${name}, ${what}: writes/s`] = Math.round(rate)
      console.log(`${name}, ${what}: longest ${slowestMs.toFixed(0)} ms, ${rate.toFixed(0)} writes/s`)
      return slowestMs
    }
    await measure('alone', () => setTimeout(ALONE_MS))
    await using pipeline = PipelineProcess.start(ground.site)
    const loaded = await measure('first load', () => pipeline.wait(LOAD_SECONDS))
    const backfill = ['backfill', '-c', ground.site.config, '--source', 'app', '--table', `app.${DATABASE}.by_number`]
    const reread = await measure('read beside the stream', async () => {
      const { code, err } = await runVerb([...backfill, '--resnapshot'])
      if (code !== 0) throw new Error(err)
      await pipeline.wait(LOAD_SECONDS)
    })
    if (Math.max(loaded, reread) > LONGEST_MS) throw new Error(`a write waited longer than ${LONGEST_MS} ms`)
  }
  return result
}
