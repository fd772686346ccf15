import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals'
import { type Verdict, Watchdog } from '../../../connectors/postgres/watchdog.ts'

const LIMIT_MS = 30_000

describe('a silent stream', () => {
  let silence: number
  let verdict: Promise<Verdict>
  let events: string[]
  let watchdog: Watchdog

  beforeEach(() => {
    jest.useFakeTimers()
    silence = 0
    verdict = Promise.resolve('busy')
    events = []
    watchdog = new Watchdog({
      silence: () => silence,
      limitMs: LIMIT_MS,
      nudge: () => events.push('nudge'),
      ask: () => {
        events.push('ask')
        return verdict
      },
      onBusy: () => events.push('busy'),
      onDead: cause => events.push(`dead ${String(cause)}`),
    })
  })
  afterEach(() => {
    watchdog.stop()
    jest.useRealTimers()
  })

  const wait = async (ms: number): Promise<void> => {
    silence += ms
    await jest.advanceTimersByTimeAsync(ms)
  }

  it('is left alone while bytes come', async () => {
    for (let i = 0; i < 10; i++) {
      await wait(LIMIT_MS / 4)
      silence = 0
    }
    expect(events).toEqual([])
  })

  it('is asked to speak first, and only then judged', async () => {
    await wait(LIMIT_MS / 2)
    expect(new Set(events)).toEqual(new Set(['nudge']))
    await wait(LIMIT_MS / 2)
    expect(events).toContain('ask')
  })

  it('whose server is at work goes on, and is asked about again', async () => {
    await wait(LIMIT_MS)
    await wait(LIMIT_MS)
    expect(events.filter(event => event === 'busy')).toHaveLength(2)
    expect(events.some(event => event.startsWith('dead'))).toBe(false)
  })

  it('whose server process is gone is dead', async () => {
    verdict = Promise.resolve('gone')
    await wait(LIMIT_MS)
    expect(events).toContain('dead undefined')
  })

  it('whose server answers nobody is dead, with the reason', async () => {
    verdict = Promise.reject('timeout')
    verdict.catch(() => {})
    await wait(LIMIT_MS)
    expect(events).toContain('dead timeout')
  })

  it('that spoke while it was being judged lives', async () => {
    const { promise, resolve } = Promise.withResolvers<Verdict>()
    verdict = promise
    await wait(LIMIT_MS)
    silence = 0
    resolve('gone')
    await promise
    await jest.advanceTimersByTimeAsync(0)
    expect(events).toContain('ask')
    expect(events.some(event => event.startsWith('dead'))).toBe(false)
  })
})
