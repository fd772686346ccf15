/** What every source promises to ingest, whatever it reads from. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import type { Batch, Resume, Source } from '../../runtime/contract.ts'
import { itBreaks } from '../support/known-failure.ts'
import { PaperLog } from '../support/paper-log.ts'

/** A source to hold to the contract: a database of its own, or whatever it reads from. */
export interface SourceFixture extends AsyncDisposable {
  /** An instance as after a restart. At most one is open at a time. */
  open(): Promise<Source>
  /** Commits this many transactions of several rows, one after another. One that makes its own has nothing to do. */
  commit(transactions: number): Promise<void>
  /**
   * Two transactions, the second of which commits right behind the first, once `between` has resolved. Answers their
   * numbers; none where it makes its own.
   */
  commitPair(between: () => Promise<void>): Promise<readonly string[]>
}

/** Far more than any condition below takes. */
const TIMEOUT_MS = 30_000
const LARGEST_BATCH = 16 * 1024 * 1024

interface Run {
  /** Commit so many transactions once the loads have ended: one, and another whenever a unit has ended. */
  readonly commit?: number
  readonly until: () => boolean
  /** Instead of the log's own resume. */
  readonly from?: Resume
  readonly ack?: boolean
}

/** Opens it as after a restart, loads what it asks for, and streams into `log` until at a unit end it is enough. */
async function run(
  fixture: SourceFixture,
  log: PaperLog,
  { commit = 0, until, from, ack = false }: Run,
): Promise<void> {
  const signal = AbortSignal.timeout(TIMEOUT_MS)
  await using source = await fixture.open()
  for (const request of await source.start(from ?? log.resume(), signal))
    for await (const chunk of source.load(request, signal)) log.append(chunk.rows)
  let left = commit
  const commitOne = (): Promise<void> => fixture.commit(left-- > 0 ? 1 : 0)
  await commitOne()
  for await (const batch of source.changes(signal)) {
    log.append(batch)
    if (batch.end?.lane !== 'stream') continue
    if (ack) source.ack(batch.end.position)
    if (until()) return
    await commitOne()
  }
}

/** `broken`: names of promises that this source is known to break; one that it keeps after all fails the test. */
export function describeSource(name: string, make: () => Promise<SourceFixture>, broken: readonly string[] = []): void {
  describe(`source ${name}`, () => {
    const unknown = new Set(broken)
    function promise(text: string, body: () => Promise<void>): void {
      if (unknown.delete(text)) itBreaks(text, body)
      else it(text, body)
    }
    let fixture: SourceFixture
    beforeAll(async () => {
      fixture = await make()
    })
    afterAll(async () => fixture?.[Symbol.asyncDispose]())

    /** A log with the loads and at least so many transactions. */
    async function filled(transactions: number, options: Partial<Run> = {}): Promise<PaperLog> {
      const log = new PaperLog()
      await run(fixture, log, {
        commit: transactions,
        until: () => log.transactions.length >= transactions,
        ...options,
      })
      return log
    }

    promise('ends every load, each chunk a unit of its lane, and then begins the stream', async () => {
      const signal = AbortSignal.timeout(TIMEOUT_MS)
      await using source = await fixture.open()
      const log = new PaperLog()
      for (const request of await source.start(undefined, signal)) {
        let done = false
        for await (const { rows, progress, table } of source.load(request, signal)) {
          expect(done).toBe(false)
          expect(rows.end).toMatchObject({ lane: `load:${table.name}`, progress })
          log.append(rows)
          done = progress.done
        }
        expect(done).toBe(true)
      }
      for await (const batch of source.changes(signal)) {
        log.append(batch)
        if (log.resume()?.stream !== undefined) break
      }
      expect(log.resume()).toMatchObject({ stream: expect.any(String) })
    })

    promise(
      'tells the first time where it stands before anything changes, so that a restart does not load again',
      async () => {
        const log = new PaperLog()
        await run(fixture, log, { until: () => true })
        await using source = await fixture.open()
        expect(await source.start(log.resume(), AbortSignal.timeout(TIMEOUT_MS))).toEqual([])
      },
    )

    promise('hands over whole transactions, each once and in one unit, its changes counted from 0', async () => {
      const { units } = await filled(20)
      const ended = new Set<string>()
      for (const { lines } of units) {
        let current: string | undefined
        let next = 0
        for (const { transaction, index } of lines) {
          if (transaction === undefined) continue
          if (transaction !== current) {
            if (current !== undefined) ended.add(current)
            expect(ended).not.toContain(transaction)
            current = transaction
            next = 0
          }
          expect(index).toBe(next++)
        }
        if (current !== undefined) ended.add(current)
      }
      expect(ended.size).toBeGreaterThanOrEqual(20)
    })

    promise('goes on behind any unit end as if it had never stopped', async () => {
      const whole = await filled(12)
      const streamed = whole.units.filter(unit => unit.position !== undefined)
      const step = Math.max(1, Math.floor(streamed.length / 6))
      for (let i = 0; i < streamed.length; i += step) {
        const from: Resume = { ...whole.resume()!, stream: streamed[i]!.position! }
        const expected = streamed.slice(i + 1).flatMap(unit => unit.lines.filter(isRow))
        const again = new PaperLog(from.tables)
        if (expected.length > 0) await run(fixture, again, { from, until: () => again.rows.length >= expected.length })
        expect(again.rows.slice(0, expected.length)).toEqual(expected)
      }
    })

    promise('loses nothing and repeats nothing when it is stopped after each unit that was acknowledged', async () => {
      const log = new PaperLog()
      await run(fixture, log, { ack: true, until: () => true })
      for (let round = 1; round <= 6; round++) {
        const before = log.transactions.length
        await run(fixture, log, { commit: 2, ack: true, until: () => log.transactions.length > before })
      }
      expect(new Set(log.transactions).size).toBe(log.transactions.length)
      const rows = log.rows.map(({ transaction, index, text }) => `${transaction} ${index} ${text}`)
      expect(new Set(rows).size).toBe(rows.length)
    })

    promise('loses neither of two transactions that commit back to back when it is stopped between them', async () => {
      const log = new PaperLog()
      await run(fixture, log, { ack: true, until: () => true })
      const next = (commit: number): Promise<void> => {
        const before = log.transactions.length
        return run(fixture, log, { commit, ack: true, until: () => log.transactions.length > before })
      }
      const pair = await fixture.commitPair(() => next(0))
      await next(1)
      expect(log.transactions).toEqual(expect.arrayContaining([...pair]))
    })

    promise('knows which of its positions covers which', async () => {
      const log = await filled(5)
      const positions = log.units.flatMap(unit => unit.position ?? [])
      await using source = await fixture.open()
      await source.start(log.resume(), AbortSignal.timeout(TIMEOUT_MS))
      const [first] = positions
      const last = positions.at(-1)!
      for (const position of positions) {
        expect(source.covers(position, position)).toBe(true)
        expect(source.covers(last, position)).toBe(true)
        expect(source.covers(position, first!)).toBe(true)
      }
      if (first !== last) expect(source.covers(first!, last)).toBe(false)
    })

    promise('reaches its head soon when someone waits for it', async () => {
      const log = await filled(2)
      const signal = AbortSignal.timeout(TIMEOUT_MS)
      await using source = await fixture.open()
      await source.start(log.resume(), signal)
      await fixture.commit(1)
      const { position } = await source.head(signal)
      source.hasten(position, signal)
      for await (const batch of source.changes(signal)) {
        log.append(batch)
        if (log.position !== undefined && source.covers(log.position, position)) break
      }
      expect(source.covers(log.position!, position)).toBe(true)
    })

    promise('ends with the reason of its signal, and can be opened again', async () => {
      const log = await filled(2)
      const reason = new Error('enough')
      const stop = new AbortController()
      {
        await using source = await fixture.open()
        await source.start(log.resume(), stop.signal)
        const changes = source.changes(stop.signal)[Symbol.asyncIterator]()
        const drained = (async () => {
          for (;;) log.append((await changes.next()).value as Batch)
        })()
        stop.abort(reason)
        await expect(drained).rejects.toBe(reason)
      }
      const before = log.transactions.length
      await run(fixture, log, { commit: 1, until: () => log.transactions.length > before })
      expect(new Set(log.transactions).size).toBe(log.transactions.length)
    })

    promise('never touches a batch again, and keeps batches small however long its reader waits', async () => {
      const signal = AbortSignal.timeout(TIMEOUT_MS)
      const log = await filled(1)
      await using source = await fixture.open()
      await source.start(log.resume(), signal)
      await fixture.commit(30)
      const kept: { batch: Batch; copy: Buffer }[] = []
      for await (const batch of source.changes(signal)) {
        log.append(batch)
        expect(batch.bytes.length).toBeLessThan(LARGEST_BATCH)
        kept.push({ batch, copy: Buffer.from(batch.bytes) })
        if (batch.end !== undefined && log.transactions.length >= 30) break
      }
      for (const { batch, copy } of kept) expect(copy.equals(batch.bytes)).toBe(true)
    })

    if (unknown.size > 0) throw new Error(`no promise is called: ${[...unknown].join(', ')}`)
  })
}

const isRow = (line: { text: string }): boolean => !line.text.startsWith('s ')
