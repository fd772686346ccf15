import { describe, expect, it } from '@jest/globals'
import { untilCaughtUp } from '../../../runtime/cli/caught-up.ts'
import { FakePipeline, SINK_STATUS } from '../../support/fake-pipeline.ts'

const never = (signal: AbortSignal): Promise<void> =>
  new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))

describe('--until-caught-up', () => {
  it('ends when every sink has caught up', async () => {
    await untilCaughtUp(new FakePipeline(), AbortSignal.timeout(5000))
  })

  it('ends with the error of a part that fails meanwhile', async () => {
    const pipeline = new FakePipeline()
    pipeline.waiting = never
    const error = { code: 'SINK_REJECTED', message: 'The target refused rows.', hint: 'Mend it.' }
    pipeline.current = { ...pipeline.current, sinks: { search: { ...SINK_STATUS, state: 'failed', error } } }
    await expect(untilCaughtUp(pipeline, AbortSignal.timeout(5000))).rejects.toMatchObject({
      code: 'SINK_REJECTED',
      hint: 'Mend it.',
    })
  })

  it('ends when it is told to stop', async () => {
    const pipeline = new FakePipeline()
    pipeline.waiting = never
    const stop = new AbortController()
    const ended = untilCaughtUp(pipeline, stop.signal)
    stop.abort(new Error('asked to stop'))
    await expect(ended).rejects.toThrow('asked to stop')
  })
})
