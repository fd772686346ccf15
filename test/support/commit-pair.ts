import type { PostgresServer } from './postgres.ts'

const ATTEMPTS = 8

/** Two transactions, the second of which commits with nothing in the database's log between its commit and the first's. */
export interface CommitPair {
  /** Numbers of the transactions. */
  readonly ids: readonly [string, string]
  /** Where the commit of the first ends and that of the second begins. */
  readonly lsn: string
}

/**
 * Both are open when the first commits; the second commits once `between` has resolved. Where the server wrote
 * something else in the meantime (a checkpoint, say) it is tried again with two new ones. `write` is what each does.
 */
export async function commitPair(
  server: PostgresServer,
  database: string,
  write: () => string,
  between: () => Promise<void>,
): Promise<CommitPair> {
  const first = await server.connect(database)
  const second = await server.connect(database)
  const watcher = await server.connect(database)
  const insertLsn = async (): Promise<string> =>
    (await watcher.query<{ lsn: string }>('SELECT pg_current_wal_insert_lsn() AS lsn')).rows[0]!.lsn
  try {
    for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
      const ids: string[] = []
      for (const client of [first, second]) {
        await client.query('BEGIN')
        await client.query(write())
        ids.push((await client.query<{ id: string }>('SELECT pg_current_xact_id() AS id')).rows[0]!.id)
      }
      await first.query('COMMIT')
      const end = await insertLsn()
      await between()
      const isNext = (await insertLsn()) === end
      await second.query('COMMIT')
      if (isNext) return { ids: [ids[0]!, ids[1]!], lsn: end }
    }
    throw new Error(`the server wrote between two commits in each of ${ATTEMPTS} attempts`)
  } finally {
    for (const client of [first, second, watcher]) await client.end()
  }
}
