import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import type { Position } from '../../../runtime/contract.ts'
import { filesWith } from '../../support/folder-bytes.ts'
import {
  CANARY,
  CANARY_CHANGES,
  CANARY_ROW,
  OTHER_CHANGES,
  rowOf,
  writeCanary,
  YOUNG,
} from '../../support/forget-canary.ts'
import { ITEMS, ItemWriter, loadChunk, newestText, openIndexed } from '../../support/indexed-log.ts'
import { killedChild } from '../../support/killed-child.ts'
import { readToEnd } from '../../support/log-reading.ts'
import { column, table, transaction, tuple } from '../../support/records.ts'

const CHILD = fileURLToPath(new URL('../../support/forget-child.ts', import.meta.url))
const signal = new AbortController().signal
let folder: string

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tailrace-forget-'))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

describe('the index of a log that forgets rows', () => {
  it('names none of them where LevelDB lists its files by their first and last keys, nor in its own log', async () => {
    await using log = await openIndexed(folder, { segmentBytes: 2 ** 20, retention: { keepHistoryMs: 3.6e6 } })
    const writer = new ItemWriter(log)
    const keys = Array.from({ length: 40_000 }, (_, i) => `canary-key ${i}`)
    for (let i = 0; i < keys.length; i += 5000)
      await log.append(writer.unit(keys.slice(i, i + 5000).map(key => [key, 'x'] as const)), signal)
    await log.append(writer.unit(Array.from({ length: 5000 }, (_, i) => [`other ${i}`, 'x'] as const)), signal)
    await newestText(log, 'other 0')
    await log.append(writer.deletion(keys), signal)
    const { removed } = await log.forget!(keys.map(rowOf), signal)
    expect(new Set(removed)).toEqual(new Set([2]))
    expect(await filesWith(folder, CANARY)).toEqual([])
    expect(await newestText(log, 'other 4999')).toBe('x')
  })

  it('has no evidence of them, nor of what their rows lacked, and keeps that of all others', async () => {
    await using log = await openIndexed(folder, YOUNG)
    const other = table('other', { id: 2, columns: [column('id'), column('body')] })
    const writer = new ItemWriter(log)
    await log.append(writer.unit([['canary-key', undefined]]), signal)
    await log.append(writer.unit([['1', undefined]]), signal)
    writer.writer.announce(other)
    await log.append(
      transaction(writer.writer, '8', rows => rows.row('c', other, tuple('canary-key', 'is another'))),
      signal,
    )
    await log.passes!.begin(ITEMS, 'ended')
    await log.states!(loadChunk(log, [['canary-key', 'x']]), 'ended')
    await log.passes!.end(ITEMS, 'ended')
    await log.passes!.begin(ITEMS, 'p')
    await log.states!(
      loadChunk(log, [
        ['canary-key', 'x'],
        ['1', 'x'],
      ]),
      'p',
    )
    await log.passes!.begin(other, 'q')
    await log.states!(loadChunk(log, [['canary-key', 'x']], other), 'q')
    await log.append(writer.deletion(['canary-key']), signal)
    await log.append(writer.unit([['2', 'not seen']]), signal)
    await log.forget!([CANARY_ROW], signal)
    expect(await log.passes!.unseen(other, 'q', undefined, 9)).toEqual([])
    expect((await log.passes!.unseen(ITEMS, 'p', undefined, 9)).map(({ key }) => Buffer.from(key))).toEqual([
      tuple('2').bytes,
    ])
    expect(await log.incompleteKeys!(ITEMS, undefined, 9)).toEqual([new Uint8Array(tuple('1').bytes)])
    await log.append(
      transaction(writer.writer, '90', rows => rows.delete(other, tuple('canary-key', null), false)),
      signal,
    )
    await log.forget!([{ table: other, key: CANARY_ROW.key }], signal)
    expect(await filesWith(folder, CANARY)).toEqual([])
  })

  it('has nothing left of the unit in which a row was written, if that was asked of', async () => {
    await using log = await openIndexed(folder, YOUNG)
    const { writer } = await writeCanary(log)
    writer.begin('500', '500', 1n)
    writer.row('c', ITEMS, tuple('canary-key', 'canary-value'))
    await log.append(writer.takePart(), signal)
    expect((await log.newest!(ITEMS, CANARY_ROW.key, 'appended'))?.text(1)).toBe('canary-value')
    writer.delete(ITEMS, tuple('canary-key', null), false)
    writer.commit()
    await log.append(writer.take({ lane: 'stream', position: '500' as Position }), signal)
    expect(await log.forget!([CANARY_ROW], signal)).toMatchObject({ removed: [CANARY_CHANGES + 2] })
    expect(await filesWith(folder, CANARY)).toEqual([])
  })

  it('tells a load that has read such a row before that it was deleted since', async () => {
    await using log = await openIndexed(folder, YOUNG)
    await writeCanary(log)
    const asked = loadChunk(log, [['canary-key', 'canary-value 9']])
    const before = await log.states!(asked)
    await log.forget!([CANARY_ROW], signal)
    const after = await log.states!(asked)
    expect([after.state(0), after.version(0), after.transaction(0)]).toEqual([
      'deleted',
      before.version(0),
      before.transaction(0),
    ])
  })
})

describe('forget that is killed', () => {
  it.each(['forget.written:2', 'compaction.based:2', 'compaction.placed:1', 'compaction.placed:4'])(
    'at %s leaves a log that is whole, and removes the rest when it is called again',
    async point => {
      await killedChild(CHILD, folder, point)
      await using log = await openIndexed(folder, YOUNG)
      const { lines } = await readToEnd(log)
      expect(lines.filter(line => !line.includes('canary'))).toHaveLength(OTHER_CHANGES)
      expect(await newestText(log, '4')).toBe('text 10')
      const newest = await log.newest!(ITEMS, CANARY_ROW.key)
      expect(newest?.kind).toBe(lines.includes('d item canary-key') ? 'd' : undefined)
      const { removed } = await log.forget!([CANARY_ROW], signal)
      expect(removed).toEqual([lines.length - OTHER_CHANGES])
      expect(removed[0]).toBeLessThanOrEqual(CANARY_CHANGES)
      expect(await filesWith(folder, CANARY)).toEqual([])
    },
  )
})
