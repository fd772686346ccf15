/** `mode: changes` of the clickhouse sink: every change is a row, once. */
import { expect, it } from '@jest/globals'
import type { LogBatch } from '../../runtime/contract.ts'
import { keyFromTexts } from '../../runtime/record/key.ts'
import clickhouse from '../../sinks/clickhouse.ts'
import { ClickhousePlace } from '../support/clickhouse/clickhouse-place.ts'
import { describeClickhouse } from '../support/clickhouse/clickhouse-suite.ts'
import { ScriptedLog, tuple } from '../support/scripted-log.ts'
import { apply, cursorOf, follow } from '../support/sink-driver.ts'
import { items, LOG_ID, never, sinkContext } from '../support/sink-rig.ts'

const TABLE = 'app_public.t_items'
const source = { name: 'app', logId: LOG_ID }

await describeClickhouse(server => {
  /** An insert, an update that lacks a cell, a moved key, a delete, a truncate; a batch each but for the move. */
  const history = (): LogBatch[] => {
    const log = new ScriptedLog(LOG_ID)
    const [from, to] = [keyFromTexts(['1']), keyFromTexts(['2'])]
    return [
      log.batch(writer => {
        writer.announce(items)
        writer.row('c', items, tuple(['1', 'one', 'note']))
      }),
      log.batch(writer => writer.row('u', items, tuple(['1', 'uno', undefined]))),
      log.batch(writer => {
        writer.delete(items, tuple(['1', undefined, undefined]), false, to)
        writer.row('u', items, tuple(['2', 'uno', 'note']), undefined, from)
      }),
      log.batch(writer => writer.delete(items, tuple(['2', undefined, undefined]), false)),
      log.batch(writer => writer.truncate(items)),
    ]
  }
  const kinds = async (): Promise<string[]> =>
    (await server().ask(`SELECT _kind, id, name, note, _absent FROM ${TABLE} ORDER BY _version`)).trim().split('\n')
  const ALL = [
    'c\t1\tone\tnote\t[]',
    "u\t1\tuno\t\\N\t['note']",
    'd\t1\t\\N\t\\N\t[]',
    'u\t2\tuno\tnote\t[]',
    'd\t2\t\\N\t\\N\t[]',
    't\t\\N\t\\N\t\\N\t[]',
  ]

  it('every change is a row, and one that comes again adds nothing, also without FINAL', async () => {
    await using place = await ClickhousePlace.make(server(), { mode: 'changes' })
    const batches = history()
    {
      await using target = await place.open(sinkContext())
      const sink = await target.sink(source, never)
      await follow(sink, batches, undefined, 'history')
      for (const batch of batches.slice(2)) await apply(sink, batch, never, 'history')
    }
    await using target = await place.open(sinkContext())
    const sink = await target.sink(source, never)
    expect(await cursorOf(sink)).toBe(batches.at(-1)!.cursor)
    for (const batch of batches) await apply(sink, batch, never, 'history')
    expect(await kinds()).toEqual(ALL)
    expect(sink.get).toBeUndefined()
  })

  it('the mode of a sink that has rows is not changed', async () => {
    await using place = await ClickhousePlace.make(server(), { mode: 'changes' })
    {
      await using target = await place.open(sinkContext())
      await follow(await target.sink(source, never), history(), undefined, 'history')
    }
    const other = clickhouse.config.parse({ ...place.options, mode: 'rows' })
    await using target = await clickhouse.open(other, sinkContext())
    await expect(target.sink(source, never)).rejects.toMatchObject({ code: 'SINK_SCHEMA', recovery: 'stop' })
    expect(await kinds()).toEqual(ALL)
  })

  it('a purge takes the changes of its keys, and no others', async () => {
    await using place = await ClickhousePlace.make(server(), { mode: 'changes' })
    {
      await using target = await place.open(sinkContext())
      await follow(await target.sink(source, never), history(), undefined, 'history')
    }
    const config = clickhouse.config.parse(place.options)
    const what = { tables: [items], rows: [{ table: items, key: keyFromTexts(['1']) }] }
    expect(await clickhouse.purge!(config, sinkContext(), what, never)).toHaveLength(1)
    expect(await kinds()).toEqual(ALL.slice(3))
  })
})
