import { expect, it } from '@jest/globals'
import { keyFromTexts } from '../../../runtime/record/key.ts'
import { column, expectedRows, ScriptedLog, table, tuple } from '../../support/scripted-log.ts'
import { apply, cursorOf, follow, rowsIn } from '../../support/sink-driver.ts'
import { items, never, type SinkRig, sinkContext } from '../../support/sink-rig.ts'

/** Inserts, updates, deletes and truncates. */
export function rowCases(rig: SinkRig): void {
  it('shows inserts, updates and deletes', async () => {
    rig.batches.push(
      rig.log.batch(writer => {
        for (let i = 1; i <= 5; i++) writer.row('c', items, tuple([`${i}`, `n${i}`, null]))
      }),
      rig.log.batch(writer => {
        writer.row('u', items, tuple(['2', 'second', 'note']))
        writer.delete(items, tuple(['3', undefined, undefined]), false)
      }),
    )
    const sink = await rig.openSink()
    await follow(sink, rig.batches)
    await rig.expectEqual(sink)
    const keys = ['2', '3', '99'].map(id => keyFromTexts([id]))
    const [second, third, missing] = await sink.get!(items, keys, never)
    expect(second?.cells.get('name')).toBe('second')
    expect(third).toBeUndefined()
    expect(missing).toBeUndefined()
  })

  it('converges when a batch comes twice', async () => {
    rig.batches.push(
      rig.log.batch(writer => {
        writer.row('c', items, tuple(['1', 'a', null]))
        writer.row('c', items, tuple(['2', 'b', null]))
        writer.delete(items, tuple(['1', undefined, undefined]), false)
      }),
    )
    const sink = await rig.openSink()
    await follow(sink, rig.batches)
    await apply(sink, rig.batches[1]!)
    await apply(sink, rig.batches[1]!)
    await rig.expectEqual(sink)
  })

  it('takes the delete of a key it does not have', async () => {
    rig.batches.push(
      rig.log.batch(writer => writer.delete(items, tuple(['7', undefined, undefined]), false)),
      rig.put('8', 'x', ''),
    )
    const sink = await rig.openSink()
    await follow(sink, rig.batches)
    await rig.expectEqual(sink)
  })

  it('takes a key that is deleted and created again in one batch', async () => {
    rig.batches.push(
      rig.put('1', 'old', 'old note'),
      rig.log.batch(writer => {
        writer.delete(items, tuple(['1', undefined, undefined]), false)
        writer.row('c', items, tuple(['1', 'new', null]))
      }),
    )
    const sink = await rig.openSink()
    await follow(sink, rig.batches)
    await rig.expectEqual(sink)
  })

  it('follows a chain of moved keys', async () => {
    const rows = 20
    rig.batches.push(
      rig.log.batch(writer => {
        for (let i = 1; i <= rows; i++) writer.row('c', items, tuple([`${i}`, `row ${i}`, null]))
      }),
      rig.log.batch(writer => {
        for (let i = rows; i >= 1; i--) {
          const [from, to] = [keyFromTexts([`${i}`]), keyFromTexts([`${i + 1}`])]
          writer.delete(items, tuple([`${i}`, undefined, undefined]), false, to)
          writer.row('u', items, tuple([`${i + 1}`, `row ${i}`, null]), undefined, from)
        }
      }),
    )
    const sink = await rig.openSink()
    await follow(sink, rig.batches)
    expect((await rowsIn(sink, items)).size).toBe(rows)
    await rig.expectEqual(sink)
  })

  it('keeps tables and sources apart', async () => {
    const parts = table(2, 'public.parts', [column('a', 'text'), column('b', 'text')], { key: [0, 1] })
    rig.batches.push(
      rig.log.batch(writer => {
        writer.announce(parts)
        for (let i = 0; i < 50; i++) {
          writer.row('c', items, tuple([`${i}`, 'i', null]))
          writer.row('c', parts, tuple([`${i}:`, `:${i}`]))
          writer.row('c', parts, tuple([`${i}`, `::${i}`]))
        }
      }),
    )
    const otherLog = new ScriptedLog('0e7a')
    const others = table(1, 'elsewhere.items', items.columns, { source: 'other' })
    const otherBatches = [
      otherLog.batch(writer => {
        writer.announce(others)
        writer.row('c', others, tuple(['1', 'other', null]))
      }),
    ]
    const sink = await rig.openSink()
    const other = await rig.openSink('other', '0e7a')
    await Promise.all([follow(sink, rig.batches), follow(other, otherBatches)])
    await rig.expectEqual(sink)
    await rig.expectEqual(sink, parts)
    expect(await rowsIn(other, others)).toEqual(expectedRows(otherBatches, others.name))
    expect(await cursorOf(sink)).toBe(rig.batches.at(-1)!.cursor)
    expect(await cursorOf(other)).toBe(otherBatches.at(-1)!.cursor)
  })

  it('takes 10,000 rows in one batch', async () => {
    rig.batches.push(
      rig.log.batch(writer => {
        for (let i = 0; i < 10_000; i++) writer.row('r', items, tuple([`${i}`, `name ${i}`, i % 3 === 0 ? null : 'n']))
      }),
    )
    const sink = await rig.openSink()
    await follow(sink, rig.batches)
    await rig.expectEqual(sink)
  })

  it('leaves out the changes it is told to skip', async () => {
    const batch = rig.log.batch(writer => {
      writer.row('c', items, tuple(['1', 'skipped', null]))
      writer.row('u', items, tuple(['1', 'kept', null]))
      writer.row('c', items, tuple(['2', 'skipped', null]))
    })
    const sink = await rig.openSink()
    await follow(sink, rig.batches)
    await sink.write(batch, never, new Set([0, 2]))
    const rows = await rowsIn(sink, items)
    expect([...rows.values()].map(row => row.name)).toEqual(['kept'])
  })

  it('empties a table, and only that one', async () => {
    const parts = table(2, 'public.parts', items.columns)
    rig.batches.push(
      rig.log.batch(writer => {
        writer.announce(parts)
        writer.row('c', items, tuple(['1', 'gone', null]))
        writer.row('c', parts, tuple(['1', 'stays', null]))
      }),
      rig.log.batch(writer => writer.truncate(items)),
      rig.put('2', 'later', null),
    )
    const sink = await rig.openSink()
    await follow(sink, rig.batches)
    await rig.expectEqual(sink)
    await rig.expectEqual(sink, parts)
  })

  it('marks deleted rows, or leaves them, if it is told so', async () => {
    await rig.target[Symbol.asyncDispose]()
    const batches = [...rig.batches, rig.put('1', 'deleted', null), rig.put('2', 'kept', null)]
    batches.push(rig.log.batch(writer => writer.delete(items, tuple(['1', undefined, undefined]), false)))
    for (const [onDelete, left] of [
      ['mark', 1],
      ['ignore', 2],
    ] as const) {
      await rig.place.empty()
      rig.target = await rig.place.open(sinkContext({ onDelete }))
      const sink = await rig.openSink()
      await follow(sink, batches)
      expect((await rowsIn(sink, items)).size).toBe(left)
      await rig.target[Symbol.asyncDispose]()
    }
    rig.target = await rig.place.open(sinkContext())
  })
}
