import { appendFile, cp, mkdtemp, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import type { LogBatch, Sink, Target } from '../../../runtime/contract.ts'
import jsonl from '../../../sinks/jsonl.ts'
import { expectedRows, ScriptedLog, tuple } from '../../support/scripted-log.ts'
import { follow, rowsIn } from '../../support/sink-driver.ts'
import { items, never, sinkContext } from '../../support/sink-rig.ts'

describe('files of the jsonl sink', () => {
  let folder: string
  let path: string
  let target: Target
  let sink: Sink
  let log: ScriptedLog
  let batches: LogBatch[]

  const open = async (context = sinkContext()): Promise<void> => {
    target = await jsonl.open(jsonl.config.parse({ path, mode: 'state', fileBytes: '256KB' }), context)
    sink = await target.sink({ name: 'app', logId: '5c21' }, never)
  }
  const close = (): PromiseLike<void> => target[Symbol.asyncDispose]()
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'tailrace-files-'))
    path = join(folder, 'out')
    log = new ScriptedLog('5c21')
    batches = [log.batch(writer => writer.announce(items))]
    await open()
  })
  afterEach(async () => {
    await close()
    await rm(folder, { recursive: true })
  })

  const put = (from: number, to: number, note: string): LogBatch =>
    log.batch(writer => {
      for (let i = from; i < to; i++) writer.row('u', items, tuple([`${i}`, `name ${i}`, note]))
    })
  const tablePath = (): string => join(path, 'public.items')
  const files = async (): Promise<string[]> => (await readdir(tablePath())).sort()
  const size = async (): Promise<number> => {
    let sum = 0
    for (const file of await files()) sum += (await stat(join(tablePath(), file))).size
    return sum
  }
  const expectEqual = async (): Promise<void> => {
    expect(await rowsIn(sink, items)).toEqual(expectedRows(batches, items.name))
  }

  it('are made with the first line of a table, and one without lines does not make the sink begin anew', async () => {
    await follow(sink, batches)
    await sink.truncate!(items, never)
    expect(await readdir(path)).not.toContain('public.items')
    const cursor = await sink.cursor!(never)
    await close()
    await open()
    expect(cursor).toBeDefined()
    expect(await sink.cursor!(never)).toBe(cursor)
    batches.push(put(0, 3, 'first'))
    await follow(sink, batches)
    await expectEqual()
  })

  it('of a table made anew hold its rows only, also where both lives come in one batch', async () => {
    const again = { ...items, id: items.id + 100, incarnation: items.incarnation + 1 }
    await follow(sink, [
      ...batches,
      log.batch(writer => {
        writer.row('u', items, tuple(['1', 'of the first life', 'x']))
        writer.announce(again)
        writer.row('u', again, tuple(['2', 'of the second', 'x']))
      }),
    ])
    const lines = await readFile(join(tablePath(), (await files()).at(-1)!), 'utf8')
    expect(lines).toContain('of the second')
    expect(lines).not.toContain('of the first life')
  })

  it('are cut back to the last stored cursor, wherever the tail was torn', async () => {
    batches.push(put(0, 20, 'kept'), put(0, 20, 'lost with the crash'))
    await follow(sink, batches.slice(0, 2))
    await close()
    const before = join(folder, 'before')
    await cp(path, before, { recursive: true })
    await open()
    await follow(sink, batches)
    await close()
    const [file] = await files()
    const committed = (await stat(join(before, 'public.items', file!))).size
    const whole = await readFile(join(tablePath(), file!))
    const tails = [committed, committed + 1, committed + 100, whole.length - 2, whole.length - 1, whole.length]
    for (const tail of tails) {
      // The cursor file of before, beside lines of a batch that was not committed.
      await rm(path, { recursive: true })
      await cp(before, path, { recursive: true })
      await writeFile(join(tablePath(), file!), whole)
      await truncate(join(tablePath(), file!), tail)
      await open()
      expect((await stat(join(tablePath(), file!))).size).toBe(committed)
      await follow(sink, batches)
      await expectEqual()
      await close()
    }
    await open()
  })

  it('are cut even if garbage stands behind the last line', async () => {
    batches.push(put(0, 5, 'kept'))
    await follow(sink, batches)
    await close()
    await appendFile(
      join(tablePath(), '00000001.jsonl'),
      Buffer.concat([Buffer.alloc(300_000, 1), Buffer.from('\n{"batch":')]),
    )
    await open()
    await expectEqual()
  })

  it('are compacted when more than half is dead', async () => {
    for (let i = 0; i < 12; i++) batches.push(put(0, 1000, `${i} `.repeat(40)))
    batches.push(log.batch(writer => writer.delete(items, tuple(['0', undefined, undefined]), false)))
    await follow(sink, batches)
    const { length } = await readFile(join(tablePath(), (await files())[0]!))
    expect(length).toBeGreaterThan(0)
    expect(await size()).toBeLessThan(12 * 1000 * 100)
    expect((await files())[0]).not.toBe('00000001.jsonl')
    await expectEqual()
    await close()
    await open()
    await expectEqual()
  })

  it('are compacted without holding long rows, which lie in one file each', async () => {
    const long = (sign: string): string => `${sign}ü"\\,"deleted":true`.repeat(100_000)
    const one = (id: number, text: string): LogBatch =>
      log.batch(writer => writer.row('u', items, tuple([`${id}`, `name ${id}`, text])))
    batches.push(put(0, 20, 'short'))
    for (let i = 0; i < 4; i++) batches.push(one(3, long(`${i}`)), one(7, long(`${i + 4}`)), one(8, 'x'))
    // Lacks a column that only the long row before it has.
    batches.push(log.batch(writer => writer.row('u', items, tuple(['7', 'other', undefined]))))
    batches.push(put(0, 3, 'again'), put(10, 20, 'again'), one(3, long('last')), put(0, 3, 'once more'))
    for (let i = 0; i < 40; i++) batches.push(one(8, `${i}`))
    await follow(sink, batches)
    expect((await files())[0]).not.toBe('00000001.jsonl')
    await expectEqual()
    expect((await rowsIn(sink, items)).size).toBe(20)
    await close()
    await open()
    await expectEqual()
  })

  it('say the same wherever a compaction was cut short', async () => {
    for (let i = 0; i < 5; i++) batches.push(put(0, 1000, `${i} `.repeat(40)))
    await follow(sink, batches)
    await close()
    // As if some of the new files had been named, or some of the old ones not been removed yet.
    const [newest] = (await files()).reverse()
    const next = String(Number(newest!.slice(0, 8)) + 1).padStart(8, '0')
    await cp(join(tablePath(), newest!), join(tablePath(), `${next}.jsonl`))
    await writeFile(join(tablePath(), '00000099.jsonl.tmp'), 'half a li')
    await open()
    await expectEqual()
    expect((await files()).filter(file => file.endsWith('.tmp'))).toEqual([])
  })

  it('are built anew if those of a table are gone', async () => {
    batches.push(put(0, 5, 'again'))
    await follow(sink, batches)
    await close()
    await rm(tablePath(), { recursive: true })
    await open()
    expect(await sink.cursor!(never)).toBeUndefined()
    await follow(sink, batches)
    await expectEqual()
  })

  it('belong to one sink alone', async () => {
    await close()
    await expect(open(sinkContext({ name: 'other' }))).rejects.toMatchObject({ code: 'TARGET_TAKEN' })
    await open()
  })

  it('leave nothing behind when the sink is removed', async () => {
    batches.push(put(0, 5, 'x'))
    await follow(sink, batches)
    await close()
    await writeFile(join(path, 'mine.txt'), 'not of the sink')
    const options = jsonl.config.parse({ path, mode: 'state' })
    const lines = await jsonl.destroy(options, sinkContext(), never)
    expect(lines).toEqual([`removed ${tablePath()}`])
    expect(await readdir(path)).toEqual(['mine.txt'])
    await open()
  })

  it('are readable by their owner alone', async () => {
    batches.push(put(0, 5, 'x'))
    await follow(sink, batches)
    expect((await stat(path)).mode & 0o777).toBe(0o700)
    for (const file of [join(tablePath(), '00000001.jsonl'), join(path, '_cursor-app.json')])
      expect((await stat(file)).mode & 0o777).toBe(0o600)
  })
})
