import { setImmediate as nextTurn } from 'node:timers/promises'
import { expect, it } from '@jest/globals'
import type { LogBatch, Sink, SinkRow } from '../../../runtime/contract.ts'
import { keyFromTexts } from '../../../runtime/record/key.ts'
import { tuple } from '../../support/scripted-log.ts'
import { apply, follow } from '../../support/sink-driver.ts'
import { items, never, type SinkRig } from '../../support/sink-rig.ts'

const ROWS = 3000
/** What a page may hold before its last row. */
const PAGE_BYTES = 4 * 1024 * 1024

/** Walking over all rows while others use the sink, and stopping on the way. */
export function walkCases(rig: SinkRig): void {
  const body = (text: string): string => `${text} `.repeat(Math.ceil(1000 / (text.length + 1)))
  /** Rows from 0 on whose columns say the same. */
  const fill = (rows: number, text: string): LogBatch =>
    rig.log.batch(writer => {
      for (let i = 0; i < rows; i++) writer.row('r', items, tuple([`${i}`, text, text]))
    })
  const filled = async (rows: number, text: string): Promise<Sink> => {
    rig.batches.push(fill(rows, text))
    const sink = await rig.openSink()
    await follow(sink, rig.batches)
    return sink
  }

  it('hands out pages that are bounded in bytes', async () => {
    const text = 'wide '.repeat(13_000)
    const rows = 300
    const sink = await rig.openSink()
    await follow(sink, rig.batches)
    for (let i = 0; i < rows; i += 50)
      await apply(
        sink,
        rig.log.batch(writer => {
          for (let k = i; k < i + 50; k++) writer.row('r', items, tuple([`${k}`, text, null]))
        }),
      )
    const keys = new Set<string>()
    let pages = 0
    for await (const page of sink.rows!(items, never)) {
      pages++
      expect((page.length - 1) * text.length).toBeLessThan(PAGE_BYTES)
      for (const row of page) keys.add(row.cells.get('id')!)
    }
    expect(keys.size).toBe(rows)
    expect(pages).toBeGreaterThan((rows * text.length) / PAGE_BYTES)
  })

  it('ends a walk and a look-up with the reason of an abort, and goes on', async () => {
    const sink = await filled(ROWS, body('first'))
    const keys = Array.from({ length: ROWS }, (_, i) => keyFromTexts([`${i}`]))
    const reason = new Error('stopped by the test')
    const abort = new AbortController()
    const walk = sink.rows!(items, abort.signal)[Symbol.asyncIterator]()
    expect((await walk.next()).done).not.toBe(true)
    const lookUp = sink.get!(items, keys, abort.signal)
    abort.abort(reason)
    // One that was already done may say so.
    await lookUp.catch(error => expect(error).toBe(reason))
    await expect(drain(walk)).rejects.toBe(reason)
    await expect(sink.get!(items, keys, abort.signal)).rejects.toBe(reason)
    await expect(drain(sink.rows!(items, abort.signal)[Symbol.asyncIterator]())).rejects.toBe(reason)
    for await (const _ of sink.rows!(items, never)) break
    rig.batches.push(rig.put('0', 'changed', null))
    await follow(sink, rig.batches)
    await rig.expectEqual(sink)
  })

  it('shows every row, and each whole, while others are written', async () => {
    const sink = await filled(ROWS, body('0'))
    const stop = new AbortController()
    const writing = (async () => {
      for (let version = 1; !stop.signal.aborted; version++) {
        const text = body(`${version}`)
        const batch = rig.log.batch(writer => {
          for (let i = version % 10; i < ROWS; i += 10) writer.row('u', items, tuple([`${i}`, text, text]))
          writer.row('c', items, tuple([`${ROWS + version}`, text, text]))
          writer.delete(items, tuple([`${ROWS + version - 1}`, undefined, undefined]), false)
        })
        await apply(sink, batch)
        rig.batches.push(batch)
        // A sink that writes at once would let nobody else have a turn.
        await nextTurn()
      }
    })()
    const isWhole = ({ cells }: SinkRow): boolean => cells.get('name') === cells.get('note')
    try {
      const keys = Array.from({ length: 500 }, (_, i) => keyFromTexts([`${i * 3}`]))
      for (let turn = 0; turn < 3; turn++) {
        const ids = new Set<string>()
        for await (const page of sink.rows!(items, never)) {
          expect(page.filter(row => !isWhole(row))).toEqual([])
          for (const row of page) ids.add(row.cells.get('id')!)
        }
        expect(Array.from({ length: ROWS }, (_, i) => `${i}`).filter(id => !ids.has(id))).toEqual([])
        const found = await sink.get!(items, keys, never)
        expect(found.filter(row => row === undefined || !isWhole(row))).toEqual([])
      }
    } finally {
      stop.abort()
      await writing
    }
    await rig.expectEqual(sink)
  })
}

async function drain(walk: AsyncIterator<unknown>): Promise<void> {
  while ((await walk.next()).done !== true);
}
