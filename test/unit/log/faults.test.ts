import { describe, expect, it } from '@jest/globals'
import { Random } from '../../crash/random.ts'
import { contents, lastUnit, never, open, UnitSource } from '../../support/log-life.ts'
import { type Fault, SimulatedFs } from '../../support/simulated-fs.ts'

const UNITS = 8

/** Runs a log from birth to its end with one fault; answers the last unit acknowledged and the error, if any. */
async function life(fs: SimulatedFs, fault: Fault): Promise<{ acknowledged: number; error: unknown }> {
  fs.arm(fault)
  let acknowledged = 0
  try {
    await using log = await open(fs, { segmentBytes: 600, checkpointBytes: 500 })
    const source = new UnitSource(new Random(5), 0, 0)
    for (let i = 0; i < UNITS; i++)
      for (const batch of source.next()) if ((await log.append(batch, never)) !== undefined) acknowledged = source.unit
  } catch (error) {
    return { acknowledged, error }
  }
  return { acknowledged, error: undefined }
}

describe('a log on a failing disk', () => {
  it.each(['EIO', 'ENOSPC', 'POWER'] as const)(
    'keeps what it acknowledged whichever operation fails with %s',
    async code => {
      let operation = 0
      for (let isClean = false; !isClean; ) {
        operation++
        const fs = new SimulatedFs(new Random(operation))
        const { acknowledged, error } = await life(fs, { operation, code })
        isClean = fs.operations < operation
        if (isClean) expect([acknowledged, error]).toEqual([UNITS, undefined])
        for (const after of [fs.processDeath(), fs.powerLoss()]) {
          await using log = await open(after)
          const unit = await lastUnit(log)
          expect([operation, unit >= acknowledged]).toEqual([operation, true])
          await contents(log)
        }
      }
      expect(operation).toBeGreaterThan(60)
    },
  )

  it('is unusable after a failed fsync, for appends, readers and the source, until it is opened again', async () => {
    const fs = new SimulatedFs(new Random(1))
    const log = await open(fs)
    const source = new UnitSource(new Random(2), 0, 0)
    for (const batch of source.next()) await log.append(batch, never)
    const reading = log
      .read(log.end()!, () => true, never)
      [Symbol.asyncIterator]()
      .next()
    const failed = expect(reading).rejects.toMatchObject({ code: 'LOG_FSYNC' })
    const batch = source.next().at(-1)!
    fs.arm({ operation: 1, only: 'sync', code: 'EIO' })
    await expect(log.append(batch, never)).rejects.toMatchObject({ code: 'LOG_FSYNC', recovery: 'stop' })
    await failed
    fs.arm(undefined)
    await expect(log.append(batch, never)).rejects.toMatchObject({ code: 'LOG_FSYNC' })
    await expect(log.resume()).rejects.toMatchObject({ code: 'LOG_FSYNC' })
    await using again = await open(fs.processDeath())
    expect(await lastUnit(again)).toBeGreaterThanOrEqual(1)
  })

  it('says so when the disk is full, gives the room of the torn unit back, and goes on once there is some', async () => {
    const fs = new SimulatedFs(new Random(1))
    await using log = await open(fs)
    const source = new UnitSource(new Random(2), 0, 0)
    for (const batch of source.next()) await log.append(batch, never)
    const sizes = (): number => [...fs.files().values()].reduce((sum, content) => sum + content.length, 0)
    const before = sizes()
    fs.arm({ operation: 1, code: 'ENOSPC' })
    await expect(log.append(source.next()[0]!, never)).rejects.toMatchObject({
      code: 'LOG_DISK_FULL',
      recovery: 'retry',
      hint: expect.stringContaining('Free some room'),
    })
    const resumed = new UnitSource(new Random(3), await lastUnit(log), 1)
    expect(sizes()).toBe(before)
    for (const batch of resumed.next()) await log.append(batch, never)
    expect(await lastUnit(log)).toBe(2)
    await contents(log)
  })

  it('refuses to go on with a unit after a failed append until the source has resumed', async () => {
    const fs = new SimulatedFs(new Random(1))
    await using log = await open(fs)
    const source = new UnitSource(new Random(2), 0, 0)
    fs.arm({ operation: 1, code: 'EIO' })
    const [batch] = source.next()
    await expect(log.append(batch!, never)).rejects.toMatchObject({ code: 'LOG_WRITE' })
    await expect(log.append(batch!, never)).rejects.toMatchObject({ code: 'LOG_UNIT_TORN' })
    await log.resume()
    const again = new UnitSource(new Random(2), 0, 1)
    for (const next of again.next()) await log.append(next, never)
    expect(await lastUnit(log)).toBe(1)
  })
})
