/** Sentences of the rules of loads beside the stream (RULES R4.1 to R4.4), and edits of the source that break each. */

import type { Mutation } from './mutation-run.ts'

const LATE = { full: 'late-commits', args: ['--runs', '200'] }
const POSITION = 'test/unit/postgres/position.test.ts'
const DECIDE = 'test/unit/ingest/decide.test.ts'
const FENCE = 'connectors/postgres/fence.ts'
const MERGE = 'runtime/ingest/merge.ts'
const SEEN = 'isLess(transaction, xmin) || (isLess(transaction, xmax) && !running.has(transaction))'

export const MUTATIONS: readonly Mutation[] = [
  {
    sentence: 'R4.1 primary only',
    file: FENCE,
    from: `if (standby === 't') throw standbyError()`,
    to: '',
    check: 'test/db/fence.test.ts',
  },
  {
    sentence: 'R4.1 filenodes and fingerprint again: a difference means discard and read again',
    file: 'connectors/postgres/beside.ts',
    from: 'if (taken === undefined || stateOf(rows) !== stateOf(shape.rows)) {',
    to: 'if (taken === undefined) {',
    check: 'test/db/chunks.test.ts',
  },
  {
    sentence: 'R4.1 isolation level repeatable read',
    file: 'connectors/postgres/chunk-reader.ts',
    from: 'BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY',
    to: 'BEGIN READ ONLY',
    check: LATE,
  },
  {
    sentence: 'R4.1 first the snapshot, then high',
    file: FENCE,
    from: '  const { rows } = await client.query<SnapshotRow>(\n',
    to: `  await client.query('COMMIT')
  const high = formatLsn(await readInsertLsn(client))
  await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY')
  const late = await client.query('SELECT pg_catalog.pg_current_snapshot() AS snapshot')
  if (high !== '0/0') return { fence: { data: late.rows[0].snapshot, high }, time: BigInt(Date.now()) * 1000n }
  const { rows } = await client.query<SnapshotRow>(\n`,
    check: LATE,
  },
  {
    sentence: 'R4.1 the insert position, not that of what is written',
    file: FENCE,
    from: 'high: formatLsn(await readInsertLsn(client))',
    to: `high: (await client.query('SELECT pg_catalog.pg_current_wal_lsn() AS written')).rows[0].written`,
    check: LATE,
  },
  {
    sentence: 'R4.1 a value inside a page header is rounded down to the page',
    file: 'connectors/postgres/position.ts',
    from: 'return lsn % pageSize <= PAGE_HEADER ? lsn - (lsn % pageSize) : lsn',
    to: 'return lsn',
    check: POSITION,
  },
  {
    sentence: 'R4.2 x is seen below xmax, not only below xmin',
    file: FENCE,
    from: SEEN,
    to: 'isLess(transaction, xmin)',
    check: LATE,
  },
  {
    sentence: 'R4.2 below xmax: a hanging commit can equal it',
    file: FENCE,
    from: SEEN,
    to: '(isLess(transaction, xmax) || transaction === xmax) && !running.has(transaction)',
    check: LATE,
  },
  {
    sentence: 'R4.2 nothing beyond xmax is seen',
    file: FENCE,
    from: SEEN,
    to: '!running.has(transaction)',
    check: LATE,
  },
  {
    sentence: 'R4.2 ... and not in the list',
    file: FENCE,
    from: SEEN,
    to: 'isLess(transaction, xmax)',
    check: LATE,
  },
  {
    sentence: 'R4.2 widened to 64 bits',
    file: 'connectors/postgres/position.ts',
    from: 'return reference + BigInt.asIntN(32, BigInt(xid) - reference)',
    to: 'return BigInt(xid)',
    check: POSITION,
  },
  {
    sentence: 'R4.2 transactions of an earlier lineage are seen',
    file: 'runtime/ingest/decide.ts',
    from: 'version <= lineageFrom || ',
    to: '',
    check: DECIDE,
  },
  {
    sentence: 'R4.3 the chunk waits until the stream has passed high',
    file: 'runtime/ingest/load.ts',
    from: 'await position.passed(step.value.fence.high, signal)',
    to: '',
    check: LATE,
  },
  {
    sentence: 'R4.4 between two units: of what was looked up before, keys written since count as they are now',
    file: MERGE,
    from: 'if (touched.isAll) return',
    to: 'if (touched instanceof Object) return known(looked, undefined)\n    if (touched.isAll) return',
    check: LATE,
  },
  {
    sentence: 'R4.4 no newest record, and no truncate that the fence does not see',
    file: MERGE,
    from: 'let isTruncateSeen = truncated === undefined || sees(truncated)',
    to: 'let isTruncateSeen = true',
    check: LATE,
  },
  {
    sentence: 'R4.4 from a transaction that the fence does not see: the stream is newer, append nothing',
    file: 'runtime/ingest/decide.ts',
    from: `if (!isSeen) return state === 'incomplete' ? 'complete' : 'nothing'`,
    to: '',
    check: LATE,
  },
  {
    sentence: 'R4.4 except when it has absent cells',
    file: 'runtime/ingest/decide.ts',
    from: `if (!isSeen) return state === 'incomplete' ? 'complete' : 'nothing'`,
    to: `if (!isSeen) return 'nothing'`,
    check: DECIDE,
  },
  {
    sentence: 'R4.4 ... which alone are taken from the chunk row',
    file: MERGE,
    from: 'this.#whole.fill(table, own, chunkRow, ',
    to: 'this.#whole.fill(table, chunkRow, own, ',
    check: LATE,
  },
  {
    sentence: 'R4.4 otherwise append',
    file: 'runtime/ingest/decide.ts',
    from: `return state === 'same' ? 'nothing' : 'append'`,
    to: `return state === 'incomplete' ? 'append' : 'nothing'`,
    check: LATE,
  },
  {
    sentence: 'R4.4 ... if the cells differ',
    file: 'runtime/ingest/decide.ts',
    from: `return state === 'same' ? 'nothing' : 'append'`,
    to: `return 'append'`,
    check: LATE,
  },
]
