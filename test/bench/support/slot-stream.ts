import { readFileSync } from 'node:fs'
import { captureTables } from '../../../connectors/postgres/catalog.ts'
import { postgresConfig } from '../../../connectors/postgres/config.ts'
import { Resolver } from '../../../connectors/postgres/resolver.ts'
import { type SharedSql, sharedSql } from '../../../connectors/postgres/sql.ts'
import { ChangeStream } from '../../../connectors/postgres/stream.ts'
import { Numbering } from '../../../connectors/postgres/table-version.ts'
import { tableFromRelation } from '../../../connectors/postgres/versions.ts'
import { askServer } from '../../../connectors/postgres/walsender.ts'
import type { Table } from '../../../runtime/contract.ts'
import { createLogger } from '../../../runtime/logger.ts'

const logger = createLogger('warn')
const { signal } = new AbortController()

/**
 * The stream of a slot from its beginning, as the source reads it, of one table, which it announces unless the log
 * knows it. Dispose `sql` after it.
 */
export async function openSlot(
  url: string,
  slot: string,
  publication: string,
  name: string,
  isKnown = false,
): Promise<{ stream: ChangeStream; table: Table; sql: SharedSql }> {
  const config = postgresConfig.parse({ url, tables: [name] })
  const sql = sharedSql(config, 'bench')
  const captured = await sql.use(client => captureTables(client, 'app', config, []), signal)
  const table = captured[0]!.table
  const resolver = new Resolver(captured, [], {
    newVersion: (relation, current, versions) =>
      sql.use(client => tableFromRelation(client, 'app', config, relation, current, versions), signal),
    isWanted: () => false,
    withOid: () => undefined,
    look: async () => {},
  })
  const stream = new ChangeStream({
    config,
    name: 'bench',
    source: 'app',
    logger,
    slot,
    publications: [publication],
    from: 0n,
    tables: isKnown ? [table] : [],
    announce: isKnown ? [] : [table],
    identity: {},
    resolve: resolver.resolve,
    ask: pid => sql.use(client => askServer(client, pid), signal),
    silenceMs: 30_000,
    onDdl: () => {},
    events: new Numbering('app', [table], undefined),
  })
  return { stream, table, sql }
}

const SAMPLE_MS = 100

/** Anonymous resident memory of this process, sampled until `end`, which answers the peak in MiB. */
export function sampleMemory(): { end(): number } {
  let peak = 0
  const look = (): void => {
    peak = Math.max(peak, rssAnon())
  }
  const timer = setInterval(look, SAMPLE_MS)
  return {
    end() {
      clearInterval(timer)
      look()
      return peak
    },
  }
}

function rssAnon(): number {
  const line = /RssAnon:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))
  return Math.round(Number(line?.[1] ?? 0) / 1024)
}
