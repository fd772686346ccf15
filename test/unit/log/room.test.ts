import { describe, expect, it } from '@jest/globals'
import { Random } from '../../crash/random.ts'
import { contents, lastUnit, never, open, UnitSource } from '../../support/log-life.ts'
import { SimulatedFs } from '../../support/simulated-fs.ts'
import { until } from '../../support/until.ts'

describe('a log that may not grow further', () => {
  it('lets the source wait, says so, drops nothing, and stays below its bound', async () => {
    const fs = new SimulatedFs(new Random(1))
    const log = await open(fs, { maxBytes: 3000 })
    const source = new UnitSource(new Random(2), 0, 0)
    const stop = new AbortController()
    let acknowledged = 0
    const feeding = (async () => {
      for (;;)
        for (const batch of source.next())
          if ((await log.append(batch, stop.signal)) !== undefined) acknowledged = source.unit
    })()
    feeding.catch(() => {})
    await until(async () => (await log.stats()).full, 'the log is full')
    const { bytes, full } = await log.stats()
    expect([full, bytes! <= 3000, bytes! > 2000]).toEqual([true, true, true])
    stop.abort(new Error('shutting down'))
    await expect(feeding).rejects.toThrow('shutting down')
    expect((await log.stats()).full).toBe(false)
    expect(await lastUnit(log)).toBe(acknowledged)
    await log[Symbol.asyncDispose]()

    await using larger = await open(fs.processDeath(), { maxBytes: 6000 })
    const again = new UnitSource(new Random(3), await lastUnit(larger), 1)
    for (const batch of again.next()) await larger.append(batch, never)
    expect(await lastUnit(larger)).toBe(acknowledged + 1)
    await contents(larger)
  })
})
