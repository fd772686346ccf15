import { describe, expect, it } from '@jest/globals'
import { sleep } from '../../runtime/abort.ts'
import { TailraceError } from '../../runtime/errors.ts'
import { createLogger } from '../../runtime/logger.ts'
import { Supervisor, type Work } from '../../runtime/supervisor.ts'

const logger = createLogger('silent')

function forever({ running, drain }: Work): Promise<void> {
  running()
  return sleep(2 ** 30, drain)
}

async function until(supervisor: Supervisor, state: string): Promise<void> {
  while (supervisor.state !== state) await supervisor.changed(AbortSignal.timeout(5000))
}

describe('supervisor', () => {
  it('tries again after an error that may pass, and after one nobody foresaw', async () => {
    const errors = [new TailraceError('SOURCE_UNREACHABLE', 'retry', 'down'), new Error('unforeseen')]
    let attempts = 0
    const supervisor = new Supervisor('source a', logger, async work => {
      const error = errors[attempts++]
      if (error !== undefined) throw error
      await forever(work)
    })
    supervisor.start(false)
    await until(supervisor, 'running')
    expect(attempts).toBe(3)
    expect(supervisor.error).toBeUndefined()
    await supervisor.stop()
    expect(supervisor.state).toBe('stopped')
  })

  it('fails for good where only a person can help, and starts again when told to', async () => {
    let attempts = 0
    const supervisor = new Supervisor('source a', logger, async work => {
      if (attempts++ === 0) throw new TailraceError('SLOT_LOST', 'resnapshot', 'gone', { hint: 'resync' })
      await forever(work)
    })
    supervisor.start(false)
    await expect(supervisor.started).rejects.toMatchObject({ code: 'SLOT_LOST' })
    expect(supervisor.state).toBe('failed')
    supervisor.resume()
    await until(supervisor, 'running')
    await supervisor.stop()
  })

  it('pauses and resumes, also from the start and while it has failed', async () => {
    let attempts = 0
    const supervisor = new Supervisor('sink k', logger, async work => {
      attempts++
      if (attempts === 2) throw new TailraceError('SINK_REJECTED', 'stop', 'no')
      await forever(work)
    })
    supervisor.start(true)
    await supervisor.started
    expect([supervisor.state, attempts]).toEqual(['paused', 0])
    supervisor.resume()
    await until(supervisor, 'running')
    await supervisor.pause()
    expect(supervisor.state).toBe('paused')
    supervisor.resume()
    await until(supervisor, 'failed')
    await supervisor.pause()
    expect(supervisor.state).toBe('paused')
    await supervisor.stop()
  })

  it('ends the process for a damaged log', async () => {
    const supervisor = new Supervisor('source a', logger, async () => {
      throw new TailraceError('LOG_DAMAGED', 'stop', 'damaged')
    })
    supervisor.start(false)
    expect(await supervisor.fatal).toMatchObject({ code: 'LOG_DAMAGED' })
    await supervisor.stop()
  })

  it('never shows what it caught with a password in it', async () => {
    const supervisor = new Supervisor('source a', logger, async () => {
      throw new Error('cannot reach postgres://cdc:hunter2secret@db/app')
    })
    supervisor.start(false)
    await until(supervisor, 'waiting')
    expect(supervisor.error?.message).toBe('cannot reach postgres://cdc:***@db/app')
    await supervisor.stop()
  })
})
