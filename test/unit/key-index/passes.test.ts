import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import type { SourceLog } from '../../../runtime/contract.ts'
import { KEY_AT, Prefix, STATE_KEY } from '../../../runtime/log/embedded/key-index/layout.ts'
import { INDEX_FOLDER } from '../../../runtime/log/embedded/key-index/opening.ts'
import { Store } from '../../../runtime/log/embedded/key-index/store.ts'
import { keyTexts } from '../../../runtime/record/key.ts'
import { BatchWriter } from '../../../runtime/record/writer.ts'
import { Random, seedFrom } from '../../crash/random.ts'
import { ITEMS, ItemWriter, loadChunk, newestText, openIndexed } from '../../support/indexed-log.ts'
import { PassHistory } from '../../support/pass-histories.ts'
import { transaction } from '../../support/records.ts'

const signal = new AbortController().signal
const CHILD = fileURLToPath(new URL('../../support/pass-child.ts', import.meta.url))
const ROUNDS = 15
const AT_ONCE = 20
const STEPS = 8
let folder: string

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tailrace-passes-'))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

const unseen = async (log: SourceLog, pass: string): Promise<string[]> =>
  (await log.passes!.unseen(ITEMS, pass, undefined, 1000)).map(({ key }) => keyTexts(key)[0]!)

/** Three items, of which a pass has seen the second. */
async function begin(log: SourceLog): Promise<void> {
  const rows = ['1', '2', '3'].map(key => [key, `item ${key}`] as const)
  await log.append(new ItemWriter(log).unit(rows), signal)
  await log.passes!.begin(ITEMS, 'one')
  await log.states!(loadChunk(log, [rows[1]!]), 'one')
  expect(await unseen(log, 'one')).toEqual(['1', '3'])
}

describe('states and evidence', () => {
  it('are what was written less what was read, in three hundred histories', async () => {
    const seed = seedFrom([])
    let log = await openIndexed(folder)
    try {
      let tables = 0
      for (let round = 0; round < ROUNDS; round++) {
        const random = new Random(seed + round)
        const writer = new BatchWriter([...log.tables().values()])
        const histories = Array.from(
          { length: AT_ONCE },
          (_, i) => new PassHistory(i, round + 1, ++tables, random.fork(i)),
        )
        for (const { table } of histories) writer.announce(table)
        for (let step = 0; step < STEPS; step++) {
          const unit = transaction(writer, `${round * STEPS + step + 1}`, to => {
            for (const history of histories) history.change(to)
          })
          await log.append(unit, signal)
          const known = [...writer.registry.values()]
          await Promise.all(histories.map(history => history.read(log, known)))
          if (round % 10 === 0 && step === STEPS / 2) {
            await log[Symbol.asyncDispose]()
            log = await openIndexed(folder)
          }
        }
        await Promise.all(histories.map(history => history.check(log)))
      }
    } catch (cause) {
      throw new Error(`failed with seed ${seed}`, { cause })
    } finally {
      await log[Symbol.asyncDispose]()
    }
  }, 120_000)

  it('answer the same after a restart, and from an index that is built anew', async () => {
    const answers: unknown[] = []
    const ask = async (log: SourceLog): Promise<void> => {
      const rows = ['1', '2', '3', '4'].map(key => [key, `two ${key}`] as const)
      const states = await log.states!(loadChunk(log, rows))
      const told = rows.map((_, i) => [states.state(i), states.version(i), states.transaction(i)])
      answers.push([told, states.truncated])
    }
    {
      await using log = await openIndexed(folder)
      const writer = new BatchWriter()
      writer.announce(ITEMS)
      const items = new ItemWriter(log, 10)
      await log.append(
        items.unit([
          ['1', 'one 1'],
          ['2', 'one 2'],
          ['4', 'one 4'],
        ]),
        signal,
      )
      const again = new BatchWriter([ITEMS])
      await log.append(
        transaction(again, '777', to => to.truncate(ITEMS)),
        signal,
      )
      await log.append(
        items.unit(
          [
            ['1', 'two 1'],
            ['2', 'two'],
            ['3', undefined],
          ],
          'u',
        ),
        signal,
      )
      await ask(log)
    }
    {
      await using log = await openIndexed(folder)
      await ask(log)
    }
    await rm(join(folder, INDEX_FOLDER), { recursive: true })
    {
      await using log = await openIndexed(folder)
      await ask(log)
    }
    expect(answers[0]).toEqual([
      [
        ['same', expect.anything(), '12'],
        ['different', expect.anything(), '12'],
        ['incomplete', expect.anything(), '12'],
        ['none', 0n, undefined],
      ],
      { version: expect.anything(), transaction: '777' },
    ])
    expect(answers.slice(1)).toEqual([answers[0], answers[0]])
  })
})

describe('the evidence of a pass', () => {
  it('survives a kill of the process with all that was answered', async () => {
    const child = spawn(process.execPath, [CHILD, folder], { stdio: ['ignore', 'pipe', 'inherit'] })
    const exited = once(child, 'exit')
    expect(String((await once(child.stdout, 'data'))[0])).toBe('seen\n')
    child.kill('SIGKILL')
    await exited
    await using log = await openIndexed(folder)
    expect(await log.passes!.has(ITEMS, 'before the kill')).toBe(true)
    expect(await unseen(log, 'before the kill')).toEqual(Array.from({ length: 30 }, (_, i) => String(i + 70)))
  })

  it('survives a restart, and what a former pass left is removed', async () => {
    {
      await using log = await openIndexed(folder)
      await begin(log)
    }
    {
      await using log = await openIndexed(folder)
      expect(await unseen(log, 'one')).toEqual(['1', '3'])
      await log.passes!.begin(ITEMS, 'two')
      await log.states!(loadChunk(log, [['3', 'x']]), 'two')
      await log.passes!.end(ITEMS, 'one')
      expect(await unseen(log, 'two')).toEqual(['1', '2'])
    }
    await using store = await Store.open(join(folder, INDEX_FOLDER))
    const left: string[] = []
    for await (const [key] of store.all(Prefix.seen)) left.push(keyTexts(key.subarray(KEY_AT))[0]!)
    expect(left).toEqual(['3'])
  })

  it('is gone with an index that is missing, of an older format, or was lost with its machine', async () => {
    {
      await using log = await openIndexed(folder)
      await begin(log)
    }
    {
      await using store = await Store.open(join(folder, INDEX_FOLDER))
      const state = JSON.parse(store.get(STATE_KEY)!.toString('utf8')) as Record<string, unknown>
      await store.put(STATE_KEY, Buffer.from(JSON.stringify({ ...state, format: 1 })), true)
    }
    await using log = await openIndexed(folder)
    expect(await log.passes!.has(ITEMS, 'one')).toBe(false)
    await expect(unseen(log, 'one')).rejects.toMatchObject({ code: 'LOG_PASS_LOST' })
    expect(await newestText(log, '2')).toBe('item 2')
  })

  it('is gone when the index fails and is built anew, and what waits for it hears of the failure', async () => {
    await using log = await openIndexed(folder)
    await begin(log)
    const segment = join(folder, (await readdir(folder)).find(file => file.endsWith('.log'))!)
    const whole = await readFile(segment)
    await writeFile(segment, Buffer.alloc(whole.length, 'x'))
    const failing = newestText(log, '1')
    const failed = expect(failing).rejects.toMatchObject({ code: 'LOG_INDEX' })
    // Look-ups of one turn are sent at its end: only now is the other question behind this one.
    await Promise.resolve()
    await expect(log.states!(loadChunk(log, [['1', 'item 1']]), 'one')).rejects.toMatchObject({ code: 'LOG_INDEX' })
    await failed
    await writeFile(segment, whole)
    await log.resume()
    expect(await log.passes!.has(ITEMS, 'one')).toBe(false)
    await log.passes!.begin(ITEMS, 'one')
    expect(await unseen(log, 'one')).toEqual(['1', '2', '3'])
  })
})
