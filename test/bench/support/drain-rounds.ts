import { execFile, execFileSync } from 'node:child_process'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { PostgresServer } from '../../support/postgres.ts'
import { note } from './result.ts'
import { BENCH_PUBLICATION, BENCH_SLOT } from './workload.ts'

/** Programs that drain the same slot contents, one after the other, round by round. */

const run = promisify(execFile)

export interface Drained {
  readonly changes: number
  readonly ms: number
  readonly userMs?: number
  readonly systemMs?: number
  readonly rssAnonMiB?: number
}

export type Reader = (server: PostgresServer, slot: string, end: string, folder: string) => Promise<Drained>

/** A program beside this file, which prints a Drained. */
export function child(program: string, ...options: readonly string[]): Reader {
  const path = fileURLToPath(new URL(`${program}.ts`, import.meta.url))
  return async (server, slot, end, folder) => {
    const args = [path, server.url(), slot, BENCH_PUBLICATION, end, folder, ...options]
    const { stdout } = await run(process.execPath, args)
    return JSON.parse(stdout) as Drained
  }
}

export const recvlogical: Reader = async (server, slot, end) => {
  const options = ['-o', 'proto_version=1', '-o', `publication_names=${BENCH_PUBLICATION}`]
  const began = performance.now()
  await run('pg_recvlogical', [
    ...['-d', server.url(), '--slot', slot, '--start', '--no-loop', '--endpos', end, '-f', '/dev/null'],
    ...options,
  ])
  return { changes: 0, ms: performance.now() - began }
}

export function hasRecvlogical(): boolean {
  try {
    execFileSync('pg_recvlogical', ['--version'])
    return true
  } catch {
    note('pg_recvlogical is missing (Debian: postgresql-client): skipped')
    return false
  }
}

/** The figures of each reader, round by round. The first round's logs stay in `folder` as `log-<name>`. */
export async function drainInRounds(
  server: PostgresServer,
  readers: Readonly<Record<string, Reader>>,
  end: string,
  folder: string,
  count: number,
): Promise<Map<string, Drained[]>> {
  const names = Object.keys(readers)
  const figures = new Map<string, Drained[]>(names.map(name => [name, []]))
  for (let round = 1; round <= count; round++) {
    for (const name of names) {
      const slot = `run_${round}_${name.replaceAll(/\W/g, '_')}`
      await server.sql(`select pg_copy_logical_replication_slot('${BENCH_SLOT}', '${slot}')`)
      const log = join(folder, round === 1 ? `log-${name}` : 'log')
      const drained = await readers[name]!(server, slot, end, log)
      await server.sql(`select pg_drop_replication_slot('${slot}')`)
      figures.get(name)!.push(drained)
      note(`round ${round} ${name}: ${(drained.ms / 1000).toFixed(2)} s`)
      if (round > 1) await rm(log, { recursive: true, force: true })
    }
  }
  return figures
}
