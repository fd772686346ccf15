import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import { Completer } from '../../../runtime/complete.ts'
import type { Batch, LoggedChange, Source, SourceLog, Table } from '../../../runtime/contract.ts'
import { OrderedMemoryLog } from '../../../runtime/log/memory/ordered.ts'
import { PartitionedMemoryLog } from '../../../runtime/log/memory/partitioned.ts'
import { BatchWriter } from '../../../runtime/record/writer.ts'
import { openIndexed } from '../../support/indexed-log.ts'
import { column, table, transaction, tuple } from '../../support/records.ts'

const WIDE = table('wide', { columns: [column('big'), column('id', 'int64'), column('n', 'int64')], key: [1] })
const signal = new AbortController().signal
let writer: BatchWriter

beforeEach(() => {
  writer = new BatchWriter()
  writer.announce(WIDE)
})

let commits = 0
/** A transaction of one change. */
function row(kind: 'c' | 'u', cells: readonly (string | undefined)[]): Batch {
  const position = String(++commits)
  return transaction(writer, position, w => w.row(kind, WIDE, tuple(...cells)))
}

const keyOf = (text: string): Uint8Array => tuple(text).bytes

/** How many batches the log got for it. */
async function append(log: SourceLog, batch: Batch, source: Pick<Source, 'before'> = {}): Promise<number> {
  const parts = new Completer(log, source).parts(batch, signal)
  if (parts === undefined) {
    await log.append(batch, signal)
    return 1
  }
  let count = 0
  for await (const part of parts) {
    count++
    await log.append(part, signal)
  }
  return count
}

/** Of each change but definitions. */
async function logged<T>(log: SourceLog, tell: (change: LoggedChange) => T): Promise<T[]> {
  const told: T[] = []
  for await (const batch of log.read('start', () => true, signal)) {
    for (const change of batch) if (change.kind !== 's') told.push(tell(change))
    if (log.compare(batch.cursor, log.end()!) !== 'before') break
  }
  return told
}

const all = (change: LoggedChange): string =>
  [change.kind, ...change.table.columns.map((_, i) => change.text(i))].join(' ')

describe('rows that are completed', () => {
  let folder: string
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'tailrace-completer-'))
  })
  afterEach(() => rm(folder, { recursive: true, force: true }))

  it('do not pass through completion when they are whole', async () => {
    await using log = new OrderedMemoryLog()
    const batch = transaction(writer, '1', w => w.row('c', WIDE, tuple('b', '1', '0')))
    expect(new Completer(log, {}).parts(batch, signal)).toBeUndefined()
  })

  it('take nothing from rows of before a pass that has not read them again', async () => {
    await using log = await openIndexed(folder)
    for (const key of ['1', '2']) await append(log, row('c', ['old', key, '0']))
    const since = (await log.newest!(WIDE, keyOf('2')))!.version
    await append(log, row('u', ['new', '2', '1']))
    for (const key of ['1', '2']) {
      const completer = new Completer(log, {}, ({ table, version }) => table === WIDE && version <= since)
      for await (const part of completer.parts(row('u', [undefined, key, '2']), signal)!) await log.append(part, signal)
    }
    const newest = async (key: string): Promise<unknown> => {
      const change = await log.newest!(WIDE, keyOf(key))
      return [change!.complete, change!.text(0)]
    }
    expect(await newest('1')).toEqual([false, null])
    expect(await newest('2')).toEqual([true, 'new'])
  })

  it('come in parts of one unit where they would be too large together, each change still in its transaction', async () => {
    await using log = await openIndexed(folder)
    const big = (i: number): string => `${i}`.padEnd(1_000_000, '.')
    for (let i = 0; i < 24; i++)
      await append(
        log,
        transaction(writer, `${i + 1}`, w => w.row('c', WIDE, tuple(big(i), `${i}`, '0'))),
      )
    for (const position of ['98', '99']) {
      writer.begin(position, position, 7n)
      for (const n of ['1', '2']) for (let i = 0; i < 24; i++) writer.row('u', WIDE, tuple(undefined, `${i}`, n))
      writer.commit()
    }
    const parts = await append(log, writer.take({ lane: 'stream', position: '99' as never }))
    expect(parts).toBeGreaterThan(8)
    const told = await logged(log, change =>
      [change.transaction, change.index, change.text(1), change.text(2)].join(' '),
    )
    const updates = ['98', '99'].flatMap(position =>
      Array.from({ length: 48 }, (_, i) => `${position} ${i} ${i % 24} ${i < 24 ? 1 : 2}`),
    )
    expect(told.slice(24)).toEqual(updates)
    const wrong = await logged(log, change => !change.complete || change.text(0) !== big(Number(change.text(1))))
    expect(wrong.filter(Boolean)).toEqual([])
  }, 60_000)

  it('keep the key where it is, however far the filled cells push it back', async () => {
    await using log = new OrderedMemoryLog()
    const big = 'k'.repeat(70_000)
    await append(
      log,
      transaction(writer, '1', w => w.row('c', WIDE, tuple(big, '5', '0'))),
    )
    await append(
      log,
      transaction(writer, '2', w => w.row('u', WIDE, tuple(undefined, '5', '1'))),
    )
    const keys = await logged(log, change => [Buffer.from(change.key).equals(keyOf('5')), change.text(0)?.length])
    expect(keys).toEqual([
      [true, 70_000],
      [true, 70_000],
    ])
  })

  it('take no value from a column that was masked otherwise, or that only shares its name', async () => {
    await using log = new OrderedMemoryLog()
    const masked: Table = table('wide', {
      ...WIDE,
      id: 2,
      version: 2,
      columns: [{ ...column('big'), masked: true }, ...WIDE.columns.slice(1)],
    })
    const renamed: Table = table('wide', {
      ...WIDE,
      id: 3,
      version: 3,
      columns: [{ ...column('big'), declared: 'other' }, ...WIDE.columns.slice(1)],
    })
    await append(
      log,
      transaction(writer, '1', w => w.row('c', WIDE, tuple('secret', '5', '0'))),
    )
    for (const next of [masked, renamed]) {
      writer.announce(next)
      await append(
        log,
        transaction(writer, `${next.id}`, w => w.row('u', next, tuple(undefined, '5', '1'))),
      )
    }
    expect(await logged(log, change => [change.text(0), change.complete])).toEqual([
      ['secret', true],
      [null, false],
      [null, false],
    ])
  })
})

describe('before: always', () => {
  it('gives updates and deletes the row before them, in the same batch or in the log', async () => {
    await using log = new OrderedMemoryLog()
    const source = { before: 'always' } as const
    await append(
      log,
      transaction(writer, '1', w => w.row('c', WIDE, tuple('b', '1', '0'))),
      source,
    )
    await append(
      log,
      transaction(writer, '2', w => {
        w.row('u', WIDE, tuple(undefined, '1', '1'))
        w.row('u', WIDE, tuple('c', '1', '2'))
        w.delete(WIDE, tuple(null, '1', null), false)
        w.row('c', WIDE, tuple('d', '1', '3'))
        w.delete(WIDE, tuple(null, '2', null), false)
      }),
      source,
    )
    const told = await logged(log, change => {
      const before = change.hasBefore ? change.table.columns.map((_, i) => change.before(i)) : []
      return [all(change), ...before].join(' ')
    })
    expect(told).toEqual(['c b 1 0', 'u b 1 1 b 1 0', 'u c 1 2 b 1 1', 'd    c 1 2', 'c d 1 3', 'd   '])
  })
})

describe('a log without look-up', () => {
  it('takes a row without the cells that did not change', async () => {
    await using log = new PartitionedMemoryLog()
    const batch = transaction(writer, '1', w => w.row('u', WIDE, tuple(undefined, '1', '1')))
    expect(new Completer(log, {}).parts(batch, signal)).toBeUndefined()
  })

  it('refuses a new key whose other cells would be lost', async () => {
    await using log = new PartitionedMemoryLog()
    const batch = transaction(writer, '1', w => {
      w.delete(WIDE, tuple(null, '1', null), false, keyOf('2'))
      w.row('u', WIDE, tuple(undefined, '2', '1'), undefined, keyOf('1'))
    })
    expect(() => new Completer(log, {}).parts(batch, signal)).toThrow(
      expect.objectContaining({ code: 'ROW_INCOMPLETE', hint: expect.stringContaining('REPLICA IDENTITY FULL') }),
    )
  })
})
