import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import type { Batch, LoadProgress, Table } from '../../../runtime/contract.ts'
import { joinedUnit } from '../../../runtime/record/joined.ts'
import { BatchWriter } from '../../../runtime/record/writer.ts'
import { openIndexed } from '../../support/indexed-log.ts'
import { table, told, tuple } from '../../support/records.ts'

const orders = table('orders')
const items = table('items', { id: 2 })
const empty = table('empty', { id: 3 })
const IDENTITY = { system: '7' }

const progress = (rows: number): LoadProgress => ({ done: true, rows, totalRows: rows, state: `${rows}` })

/** A chunk of a load with these keys. */
function chunk(of: Table, keys: readonly string[], identity?: typeof IDENTITY): Batch {
  const writer = new BatchWriter()
  writer.announce(of)
  writer.beginLoad('9', 5n)
  for (const key of keys) writer.row('r', of, tuple(key, `of ${of.table}`))
  writer.commit()
  const end = { lane: `load:${of.name}`, progress: progress(keys.length) } as const
  return writer.take(identity === undefined ? end : { ...end, identity })
}

describe('chunks of several loads in one unit', () => {
  let folder: string
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'tailrace-joined-'))
  })
  afterEach(() => rm(folder, { recursive: true, force: true }))

  it('hold every entry in order, and what each lane has come to', () => {
    const batch = joinedUnit([chunk(orders, ['1', '2'], IDENTITY), chunk(empty, []), chunk(items, ['3'])])
    expect(told(batch)).toEqual(['s orders', 'r 1 of orders', 'r 2 of orders', 's empty', 's items', 'r 3 of items'])
    expect(batch).toMatchObject({ count: 6, incomplete: 0, tables: new Set([1, 2, 3]) })
    expect(batch.end).toEqual({
      lane: 'load:app.public.orders',
      progress: progress(2),
      others: [
        { lane: 'load:app.public.empty', progress: progress(0) },
        { lane: 'load:app.public.items', progress: progress(1) },
      ],
      identity: IDENTITY,
    })
  })

  it('are in the log after a restart, each lane at its place, each row under its key', async () => {
    const signal = new AbortController().signal
    {
      await using log = await openIndexed(folder)
      await log.append(joinedUnit([chunk(orders, ['1', '2'], IDENTITY), chunk(items, ['3'])]), signal)
    }
    await rm(join(folder, 'checkpoint'))
    await using log = await openIndexed(folder)
    const resume = (await log.resume())!
    expect(Object.fromEntries(resume.loads)).toEqual({
      'app.public.orders': progress(2),
      'app.public.items': progress(1),
    })
    expect(resume.identity).toEqual(IDENTITY)
    for (const [of, key] of [
      [orders, '2'],
      [items, '3'],
    ] as const) {
      const [row] = [...chunk(of, [key])].filter(({ kind }) => kind === 'r').map(change => change.key.slice())
      expect((await log.newest!(of, row!))?.text(1)).toBe(`of ${of.table}`)
    }
  })
})
