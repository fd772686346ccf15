import type { Dirent } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { isDeepStrictEqual } from 'node:util'
import { expect, it } from '@jest/globals'
import type { LogBatch, Table } from '../../../runtime/contract.ts'
import { errorCode } from '../../../runtime/errors.ts'
import type { GenerationRig } from '../../support/generation-rig.ts'
import { column, table, tuple } from '../../support/scripted-log.ts'
import { apply, cursorOf, follow, rowsIn } from '../../support/sink-driver.ts'
import { items } from '../../support/sink-rig.ts'

/** A word that no other row has, and that no form of storage cuts into pieces. */
const CANARY = 'Zaunkoenig'
const LATER = 'Rotkehlchen'
const BEFORE = 'Goldammer'

/** Of a file that a server has just removed: nothing. */
async function contentOf(file: string): Promise<string> {
  try {
    return await readFile(file, 'latin1')
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return ''
    throw error
  }
}

/** All below a folder, listed anew where a server has removed a part of it meanwhile. */
async function entriesOf(folder: string): Promise<Dirent[]> {
  for (;;) {
    try {
      return await readdir(folder, { recursive: true, withFileTypes: true })
    } catch (error) {
      if (errorCode(error) !== 'ENOENT') throw error
    }
  }
}

/** What is left of rows once they are purged: nothing. */
export function purgeCases(rig: GenerationRig): void {
  /** The words that are in any file of the target. */
  const found = async (words: readonly string[]): Promise<string[]> => {
    await rig.close()
    const entries = await entriesOf(rig.place.files!.folder)
    const files = entries.filter(entry => entry.isFile()).map(({ parentPath, name }) => join(parentPath, name))
    const contents = await Promise.all(files.map(contentOf))
    contents.push((await rig.place.files!.unpacked?.()) ?? '')
    return words.filter(word => contents.some(content => content.toLowerCase().includes(word.toLowerCase())))
  }
  /** Which of the words are left. */
  const expectLeft = async (words: readonly string[], left: readonly string[]): Promise<void> => {
    const deadline = Date.now() + 1000 * (rig.place.files!.settlesWithin ?? 0)
    let now = await found(words)
    for (; !isDeepStrictEqual(now, left) && Date.now() < deadline; now = await found(words)) await sleep(100)
    expect(now).toEqual(left)
  }
  const remove = (of: Table, id: string): LogBatch =>
    rig.log.batch(writer => writer.delete(of, tuple([id, ...of.columns.slice(1).map(() => undefined)]), false))
  /** Rows before and behind, and one with each of the words at some time. */
  const history = (): LogBatch[] => [
    rig.put('1 wren', `2 ${CANARY}`, '3 robin'),
    rig.log.batch(writer => writer.row('u', items, tuple(['2', LATER, `${LATER} ${'long '.repeat(2000)}`]))),
    rig.put(...Array.from({ length: 300 }, (_, i) => `${i + 10} other${i}`)),
  ]

  it('no byte of a row that was deleted and purged is left in any file, and all else is', async () => {
    const batches = history()
    await rig.build(undefined, batches)
    expect(await found([CANARY, LATER])).toContain(LATER)
    const gone = remove(items, '2')
    await apply(await rig.sink(), gone)
    const rows = await rowsIn(await rig.sink(), items)
    expect((await rig.purge(items, [['2']])).length).toBeGreaterThan(0)
    await expectLeft([CANARY, LATER, 'robin', 'other299'], ['robin', 'other299'])
    const sink = await rig.sink()
    expect(await cursorOf(sink)).toBe(gone.cursor)
    expect(await rowsIn(sink, items)).toEqual(rows)
    await apply(sink, rig.put('2 finch', '3 thrush'))
    const names = new Map([...(await rowsIn(sink, items)).values()].map(({ id, name }) => [id, name]))
    expect([names.get('1'), names.get('2'), names.get('3'), names.size]).toEqual(['wren', 'finch', 'thrush', 303])
  })

  it('a purge can be repeated, also where there is nothing', async () => {
    await rig.purge(items, [['2']])
    await rig.build(undefined, history())
    await apply(await rig.sink(), remove(items, '2'))
    await rig.purge(items, [['2'], ['77777']])
    await rig.purge(items, [['2']])
    await expectLeft([CANARY, LATER], [])
  })

  it('a purge killed in the middle is begun anew', async () => {
    await rig.build(undefined, [...history(), remove(items, '2')])
    const rows = await rowsIn(await rig.sink(), items)
    for (const point of rig.place.files!.crashPoints) {
      expect([point, await rig.inProcess('purge', point)]).toEqual([point, true])
      expect(await rowsIn(await rig.sink(), items)).toEqual(rows)
    }
    expect(await rig.inProcess('purge')).toBe(false)
    await expectLeft([CANARY, LATER, 'robin'], ['robin'])
    expect(await rowsIn(await rig.sink(), items)).toEqual(rows)
  })

  it.each(['mark', 'ignore'] as const)('rows that deletes leave are purged with onDelete: %s', async onDelete => {
    rig.context = { onDelete }
    const of = table(2, 'public.kept', items.columns)
    await rig.build(undefined, [
      rig.log.batch(writer => writer.announce(of)),
      rig.putIn(of, `1 ${CANARY}`, '2 robin', `3 ${BEFORE}`),
      remove(of, '1'),
    ])
    await rig.purge(of, [['1'], ['3']], { onDelete })
    // What no delete has marked is a row that came later under the same key.
    await expectLeft([CANARY, BEFORE, 'robin'], onDelete === 'mark' ? [BEFORE, 'robin'] : ['robin'])
    expect((await rowsIn(await rig.sink(), of)).size).toBe(onDelete === 'mark' ? 2 : 1)
  })

  it('a row of a key that came again stays', async () => {
    await rig.build(undefined, [...history(), remove(items, '2'), rig.put('2 finch')])
    await rig.purge(items, [['2']])
    await expectLeft([CANARY, LATER, 'finch'], ['finch'])
  })

  it('keys of several columns, of text and of bytes are found', async () => {
    const columns = [column('a', 'text'), column('b', { kind: 'bytes' }), column('v', 'text')]
    const of = table(2, 'public.pairs', columns, { key: [1, 0] })
    rig.context = { onDelete: 'ignore' }
    const write = rig.log.batch(writer => {
      writer.announce(of)
      writer.row('c', of, tuple(['x|%', '\\x00ff', CANARY]))
      writer.row('c', of, tuple(['x|%', '\\x00fe', 'robin']))
    })
    await rig.build(undefined, [write])
    await rig.purge(of, [['\\x00ff', 'x|%']], { onDelete: 'ignore' })
    await expectLeft([CANARY, 'robin'], ['robin'])
  })

  it('hidden generations lose the rows too', async () => {
    if (rig.plugin.generations === undefined) return
    const batches = history()
    await rig.build('next', batches)
    await rig.swap()
    await rig.build('next', batches)
    await rig.swap()
    await rig.build('next', batches)
    await apply(await rig.sink(), remove(items, '2'))
    await rig.purge(items, [['2']])
    await expectLeft([CANARY, LATER, 'robin'], ['robin'])
    for (const generation of ['next', 'previous'] as const) {
      const sink = await rig.sink(generation)
      expect(await cursorOf(sink)).toBe(batches.at(-1)!.cursor)
      expect((await rowsIn(sink, items)).size).toBe(302)
    }
    const later = [rig.announced, ...batches, remove(items, '2'), rig.put('2 finch')]
    await follow(await rig.sink('next'), later)
    await rig.swap()
    expect((await rowsIn(await rig.sink(), items)).size).toBe(303)
  })

  it('a hidden generation of a former life with another key is removed as a whole', async () => {
    if (rig.plugin.generations === undefined) return
    await rig.build('next', history())
    await rig.swap()
    const again = table(2, 'public.items', items.columns, { incarnation: 2, key: [1] })
    const anew = rig.log.batch(writer => {
      writer.announce(again)
      writer.row('c', again, tuple(['2', 'finch', null]))
    })
    await follow(await rig.sink('next'), [rig.announced, anew])
    await rig.swap()
    await rig.purge(again, [[LATER]])
    await expectLeft([CANARY, LATER, 'finch'], ['finch'])
    expect(await rig.recall()).toBe(false)
  })
}
